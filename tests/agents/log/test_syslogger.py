from __future__ import annotations

import socket
from pathlib import Path

from qmtwist.agents.log.syslogger import SystemLog
from qmtwist.logbook.syslog import INFO, Entry


def listening(path: Path) -> socket.socket:
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(str(path))
    log.settimeout(5)
    return log


def words(log: socket.socket) -> bytes:
    return log.recv(9999).partition(b"qmail: ")[2]


def test_a_log_that_was_restarted_is_found_again(tmp_path: Path) -> None:
    sender = SystemLog(b"qmail", 2, str(tmp_path / "log"))
    with listening(tmp_path / "log") as log:
        sender.send(Entry(INFO, b"one"))
        assert words(log) == b"one"
    (tmp_path / "log").unlink()
    with listening(tmp_path / "log") as log:
        sender.send(Entry(INFO, b"two"))
        assert words(log) == b"two"
    sender.close()


def test_what_was_lost_is_counted(tmp_path: Path) -> None:
    sender = SystemLog(b"qmail", 2, str(tmp_path / "log"))
    for _ in range(3):
        sender.send(Entry(INFO, b"lost"))
    with listening(tmp_path / "log") as log:
        sender.send(Entry(INFO, b"one"))
        assert words(log) == b"warning: 3 entries lost while there was no system log"
        assert words(log) == b"one"
    sender.close()

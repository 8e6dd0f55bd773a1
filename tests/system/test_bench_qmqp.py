"""The measurement of QMQP and QMTP runs through, with a fraction of its load; its load generator notices refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest

from bench import package_load
from tests.support.daemon import TOP

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.mark.skipif(not shutil.which("qmqp-source", path=PATH), reason="needs Postfix's qmqp-source")
def test_all_three_protocols_are_measured_at_both_numbers_of_sessions() -> None:
    command = [sys.executable, "-m", "bench.qmqp", "--quick", "--rounds", "1"]
    process = subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        stdout, _ = process.communicate(timeout=180)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
    rows = [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]
    assert [row["load"] for row in rows] == [
        f"{protocol}, {sessions} sessions" for sessions in (10, 50) for protocol in ("QMQP", "QMTP", "SMTP")
    ]
    assert all(row["messages/s end to end"] > 0 for row in rows)


@pytest.mark.parametrize("answer", [b"", b"11:Dno mailbox,", b"7:Zlater,"])
def test_the_load_generator_stops_at_a_refusal(answer: bytes) -> None:
    turns = package_load.qmtp_turns("joe@bench.example")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                left = len(turns[0].data)
                while left > 0:
                    left -= len(connection.recv(65536))
                connection.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        with pytest.raises(SystemExit, match="hung up" if not answer else "answered"):
            package_load.send(listener.getsockname()[1], turns, 1, 1, False)
        server.join(20)


def test_a_message_has_the_length_of_the_others() -> None:
    (turn,) = package_load.qmtp_turns("joe@bench.example")
    assert 4000 < len(turn.data) < 4200
    assert turn.data.startswith(b"4") and turn.data.endswith(b",21:17:joe@bench.example,,")

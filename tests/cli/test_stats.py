"""qmtwist stats, as a program."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers

LIMIT_S = 60
FIRST = b"""\
945000001.100000 info msg 9: bytes 2343 from <Joe@Sun.example> qp 18695 uid 501
945000001.200000 starting delivery 2: msg 9 to remote Bob@Host.Example
945000003.500000 delivery 2: deferral: not_now/
945000003.600000 info msg 10: bytes 5 from <> qp 7 uid 0
"""
SECOND = b"""\
945000401.200000 starting delivery 3: msg 9 to remote Bob@Host.Example
945000401.700000 delivery 3: success: ok/
945000401.800000 end msg 9
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("home")
    write_launchers(str(directory))
    return directory


def stats(home: Path, *words: str | Path, text: bytes = FIRST + SECOND) -> tuple[int, bytes, bytes]:
    command = [home / "bin/qmtwist", "stats", *words]
    ended = subprocess.run(command, input=text, capture_output=True, timeout=LIMIT_S)
    return ended.returncode, ended.stdout, ended.stderr


def values(home: Path, *words: str | Path, text: bytes = b"") -> dict[str, dict[str, object]]:
    status, out, err = stats(home, "--format", "json", *words, text=text)
    assert (status, err) == (0, b"")
    found: dict[str, dict[str, object]] = json.loads(out)
    return found


def test_a_log_on_standard_input_is_shown_as_tables(home: Path) -> None:
    status, out, err = stats(home)
    assert (status, err) == (0, b"")
    assert b"Deliveries from 1999-12-12 12:00:01 to 1999-12-12 12:06:41 UTC\n" in out
    assert b" 1  50.0 %\n" in out and b"     1  2.3 s  not now\n" in out


def test_rotated_files_in_any_order_are_one_log(home: Path, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(SECOND)
    (tmp_path / "log.1.gz").write_bytes(gzip.compress(FIRST))
    found = values(home, tmp_path / "log", tmp_path / "log.1.gz")
    assert found["messages"]["completed"] == 1 and found["messages"]["open"] == 1
    assert found == values(home, "-", text=FIRST + SECOND)


def test_what_is_open_is_kept_for_the_next_run(home: Path, tmp_path: Path) -> None:
    pending = tmp_path / "pending"
    assert values(home, "--pending", pending, text=FIRST)["messages"]["completed"] == 0
    found = values(home, "--pending", pending, text=SECOND)
    assert (found["messages"]["completed"], found["messages"]["tries"], found["lines"]) == (1, 2, 3)
    assert pending.read_bytes().count(b"info msg 10: ") == 1 and b"msg 9" not in pending.read_bytes()


def test_the_page_is_one_file_without_a_script(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "mail.html"
    assert stats(home, "--format", "html", "--output", output) == (0, b"", b"")
    page = output.read_bytes()
    assert page.startswith(b"<!DOCTYPE html>") and page.count(b"<svg ") >= 5
    assert b"<script" not in page and b"http" not in page and b"&lt;joe@sun.example&gt;" in page
    assert os.listdir(tmp_path) == ["mail.html"]


def test_so_many_rows_as_asked_for(home: Path) -> None:
    log = b"".join(
        b"1.0 starting delivery %d: msg 1 to remote a@h%d\n2.0 delivery %d: success: x/\n" % (n, n, n)
        for n in range(30)
    )
    assert len(values(home, text=log)["hosts"]) == 15
    assert len(values(home, "--top", "20", text=log)["hosts"]) == 20


def test_a_damaged_file_is_shown_up_to_there_and_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress((FIRST + SECOND) * 20_000)[:-2000])
    status, out, err = stats(home, tmp_path / "log.gz")
    assert status == 111 and b"deliveries " in out
    assert err == b"qmtwist stats: warning: %b: it is cut off\n" % os.fsencode(tmp_path / "log.gz")


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        (["/nowhere/log"], 111, b"qmtwist stats: fatal: /nowhere/log: No such file or directory\n"),
        (["--format", "pdf"], 100, b"invalid choice"),
        (["--top", "0"], 100, b"--top is a number from 1 to 100000"),
        (["--output", "/nowhere/page"], 111, b"qmtwist stats: fatal: unable to write /nowhere/page: "),
        (["--pending", "/nowhere/state"], 111, b"qmtwist stats: fatal: unable to write /nowhere/state: "),
    ],
)
def test_what_goes_wrong_is_said(home: Path, words: list[str], status: int, complaint: bytes) -> None:
    ended, _, err = stats(home, *words)
    assert ended == status and complaint in err and b"Traceback" not in err


def test_a_log_without_times_is_said_to_be_one(home: Path) -> None:
    status, out, _ = stats(home, text=b"new msg 5\nend msg 5\n")
    assert (status, out) == (0, b"2 lines, and none of them says with a time what became of a message\n")


def test_a_bar_is_shown_on_a_terminal_only(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes((FIRST + SECOND) * 15_000)
    assert stats(home, log)[2] == b""
    terminal, theirs = pty.openpty()
    running = subprocess.Popen([home / "bin/qmtwist", "stats", log], stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # nobody has the other side any more
            break
        shown += piece
        if not piece:
            break
    os.close(terminal)
    assert running.wait(LIMIT_S) == 0
    assert b"\r[#" in shown and b" MB" in shown and shown.endswith(b" \r")

"""qmail-tcpto and qmail-tcpok as programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qmtwist.store.deadhosts import DeadHosts

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(program: str, home: Path) -> tuple[int, str, str]:
    code = f"from qmtwist.cli.launch import run; run({program!r}, {str(home)!r})"
    environ = {**os.environ, "PYTHONPATH": TOP}
    environ.pop("QMTWIST_HOME", None)
    ended = subprocess.run([sys.executable, "-S", "-c", code], env=environ, capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "queue" / "lock").mkdir(parents=True)
    (tmp_path / "queue" / "lock" / "tcpto").write_bytes(bytes(1024))
    (tmp_path / "queue" / "lock" / "tcpto6").write_bytes(bytes(2048))
    return tmp_path


def test_tcpto_prints_both_families_and_tcpok_forgets_them(home: Path) -> None:
    table = DeadHosts(str(home / "queue" / "lock" / "tcpto"))
    now = int(time.time())
    table.timed_out("192.0.2.1", now - 500)
    table.timed_out("192.0.2.1", now - 100)
    table.timed_out("192.0.2.2", now)
    table.answered("192.0.2.2")
    table.timed_out("2001:db8::1", now + 5000)  # a clock that was wrong
    status, text, errors = run("qmail-tcpto", home)
    ages = re.fullmatch(
        r"192\.0\.2\.1 timed out (\d+) seconds ago; # recent timeouts: 2\n"
        r"2001:db8::1 timed out 0 seconds ago; # recent timeouts: 1\n",
        text,
    )
    assert (status, errors) == (0, "")
    assert ages is not None and 100 <= int(ages[1]) < 160
    assert run("qmail-tcpok", home) == (0, "", "")
    assert run("qmail-tcpto", home) == (0, "", "")


def test_a_missing_table_is_said(home: Path) -> None:
    path = home / "queue" / "lock" / "tcpto"
    path.unlink()
    for program, verb in (("qmail-tcpto", "read"), ("qmail-tcpok", "write")):
        complaint = f"{program}: fatal: unable to {verb} {path}: No such file or directory\n"
        assert run(program, home) == (111, "", complaint)

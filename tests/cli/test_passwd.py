from __future__ import annotations

import os
import pty
import sys
from pathlib import Path

import pytest

from qmtwist.control.passwords import PasswordFile

TOP = Path(__file__).parents[2]
CODE = "import sys; from qmtwist.cli.control.passwd import main; sys.exit(main([b'joe'], sys.argv[1]))"


def typed(home: Path, *answers: str) -> tuple[int, str]:
    """Run `qmtwist passwd joe` on a terminal and answer its questions; the exit status and what the screen showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(
            sys.executable, [sys.executable, "-c", CODE, str(home)], {"PYTHONPATH": str(TOP), "PATH": "/usr/bin:/bin"}
        )
    screen, left = "", list(answers)
    while True:
        try:
            piece = os.read(terminal, 1000).decode()
        except OSError:  # the other side has ended
            break
        if not piece:
            break
        screen += piece
        if screen.endswith(": ") and left:
            os.write(terminal, left.pop(0).encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "users").mkdir()
    return tmp_path


def test_a_password_is_asked_for_twice_and_not_shown(home: Path) -> None:
    status, screen = typed(home, "hunter2 is long", "hunter2 is long")
    assert (status, screen.count("hunter2")) == (0, 0)
    assert "New password of joe: " in screen and "password of joe set" in screen
    assert PasswordFile(str(home)).check(b"joe", b"hunter2 is long")


def test_two_different_passwords_change_nothing(home: Path) -> None:
    status, screen = typed(home, "one", "two")
    assert status == 1
    assert "the passwords differ; nothing has changed" in screen
    assert os.listdir(home / "users") == []

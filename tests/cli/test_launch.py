"""cli/launch: exit codes and manuals of every small program."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.cli import launch

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(tmp_path: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run `launch.run` on a program with this `main`."""
    (tmp_path / "probe_program.py").write_text(f'"""probe - a program\n\nIts manual.\n"""\nimport sys, os\n{body}\n')
    code = (
        f"import sys; sys.path[:0] = [{TOP!r}, {str(tmp_path)!r}]\n"
        "import probe_program\n"
        "sys.modules['qmtwist.cli.probe'] = probe_program\n"
        "from qmtwist.cli import registry, launch\n"
        "registry.PROGRAMS['probe'] = 'probe'\n"
        f"launch.run('probe', {str(tmp_path)!r})\n"
    )
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env={})


def test_the_result_of_main_is_the_exit_status_and_arguments_are_bytes(tmp_path: Path) -> None:
    ended = run(tmp_path, "def main(arguments, home):\n    print(arguments, home)\n    return 99", "ä", "b")
    assert ended.returncode == 99
    assert ended.stdout == f"{['ä'.encode(), b'b']} {tmp_path}\n".encode()


def test_a_bug_is_temporary_and_shows_its_traceback(tmp_path: Path) -> None:
    ended = run(tmp_path, "def main(arguments, home):\n    return 1 // 0")
    assert ended.returncode == 111
    assert b"ZeroDivisionError" in ended.stderr


def test_sys_exit_with_a_number_keeps_it_and_anything_else_is_temporary(tmp_path: Path) -> None:
    assert run(tmp_path, "def main(arguments, home):\n    sys.exit(100)").returncode == 100
    assert run(tmp_path, "def main(arguments, home):\n    sys.exit('text')").returncode == 111


def test_help_alone_prints_the_manual_and_among_others_it_is_an_argument(tmp_path: Path) -> None:
    body = "def main(arguments, home):\n    print(arguments)\n    return 0"
    assert run(tmp_path, body, "--help").stdout == b"probe - a program\n\nIts manual.\n"
    assert run(tmp_path, body, "--help", "x").stdout == b"[b'--help', b'x']\n"


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    body = "def main(arguments, home):\n    os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n    print('x')\n    return 0"
    assert run(tmp_path, body).returncode == 111


def test_the_home_is_the_environments_then_the_launchers_then_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QMTWIST_HOME", "/asked")
    assert launch.find_home("/own") == "/asked"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert launch.find_home("/own") == "/own"
    monkeypatch.delenv("QMTWIST_HOME")
    assert launch.find_home(None) == "/var/qmail"


def test_a_module_that_was_moved_after_its_launcher_was_made_is_found_by_the_registry() -> None:
    for place in ("mailbox.maildirmake", "elsewhere.maildirmake", ""):
        code = f"import sys; sys.path.append({TOP!r}); from qmtwist.cli.launch import run; "
        code += f"run('maildirmake', '/', {place!r})"
        ended = subprocess.run([sys.executable, "-IS", "-c", code, "--help"], capture_output=True)
        assert (ended.returncode, ended.stdout[:11], ended.stderr) == (0, b"maildirmake", b"")

"""tcprules and tcprulescheck as programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.store import cdb

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, '/')"


def run(
    name: str, *words: str, stdin: bytes = b"", cwd: Path | None = None, **environ: str
) -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name), *words]
    ended = subprocess.run(command, input=stdin, capture_output=True, env=environ, timeout=30, cwd=cwd)
    return ended.returncode, ended.stdout, ended.stderr


def test_rules_are_compiled_and_asked(tmp_path: Path) -> None:
    text = b'127.:allow,RELAYCLIENT=""\n10.0.0.0/8:deny\n[2001:db8::/32]:deny\n[::1]:allow,A="1"\n:allow\n'
    assert run("tcprules", "r.cdb", "r.tmp", stdin=text, cwd=tmp_path) == (0, b"", b"")
    assert os.listdir(tmp_path) == ["r.cdb"]
    assert (tmp_path / "r.cdb").stat().st_mode & 0o777 == 0o644 & ~umask()
    asked = {
        ip: run("tcprulescheck", "r.cdb", cwd=tmp_path, TCPREMOTEIP=ip)
        for ip in ("127.9.9.9", "10.1.1.1", "2001:db8::5", "::1")
    }
    assert asked == {
        "127.9.9.9": (0, b"rule 127.:\nset environment variable RELAYCLIENT=\nallow connection\n", b""),
        "10.1.1.1": (0, b"rule 10.0.0.0/8:\ndeny connection\n", b""),
        "2001:db8::5": (0, b"rule [2001:db8::/32]:\ndeny connection\n", b""),
        "::1": (0, b"rule ::1:\nset environment variable A=1\nallow connection\n", b""),
    }
    assert run("tcprulescheck", "r.cdb", cwd=tmp_path) == (0, b"rule :\nallow connection\n", b"")


def umask() -> int:
    old = os.umask(0)
    os.umask(old)
    return old


def test_a_bad_line_leaves_the_old_rules_and_the_temporary_file(tmp_path: Path) -> None:
    cdb.write(str(tmp_path / "r.cdb"), str(tmp_path / "x"), [(b"", b"D\0")])
    before = (tmp_path / "r.cdb").read_bytes()
    (tmp_path / "r.tmp").write_bytes(b"left from before")
    assert run("tcprules", "r.cdb", "r.tmp", stdin=b":allow\n1.:no\0body\n", cwd=tmp_path) == (
        100, b"", b"tcprules: fatal: unable to parse this line: 1.:no\n",
    )  # fmt: skip
    assert (tmp_path / "r.cdb").read_bytes() == before and (tmp_path / "r.tmp").read_bytes() == b""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [((), 100, b"usage: tcprules rules.cdb rules.tmp\n"), (("r.cdb",), 100, b"usage: tcprules rules.cdb rules.tmp\n"),
     (("r.cdb", "none/r.tmp"), 111, b"fatal: unable to create none/r.tmp: file does not exist\n"),
     (("none/r.cdb", "r.tmp"), 111, b"fatal: unable to move r.tmp to none/r.cdb: file does not exist\n"),
     (("r.cdb", "/dev/full"), 111, b"fatal: unable to write to /dev/full: out of disk space\n")],
)  # fmt: skip
def test_trouble_with_files_is_temporary(tmp_path: Path, words: tuple[str, ...], status: int, said: bytes) -> None:
    assert run("tcprules", *words, stdin=b":allow\n", cwd=tmp_path) == (status, b"", b"tcprules: " + said)


def test_input_that_cannot_be_read_is_temporary(tmp_path: Path) -> None:
    command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name="tcprules"), "r.cdb", "r.tmp"]
    write_only = os.open(os.devnull, os.O_WRONLY)
    try:
        ended = subprocess.run(command, stdin=write_only, capture_output=True, timeout=30, cwd=tmp_path)
    finally:
        os.close(write_only)
    assert ended.stderr == b"tcprules: fatal: unable to read input: file descriptor not open\n"
    assert ended.returncode == 111


def test_the_checker_says_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"no database")
    assert run("tcprulescheck") == (100, b"", b"tcprulescheck: usage: tcprulescheck rules.cdb\n")
    assert run("tcprulescheck", "none", cwd=tmp_path) == (
        111, b"", b"tcprulescheck: fatal: unable to read none: file does not exist\n",
    )  # fmt: skip
    assert run("tcprulescheck", "short", cwd=tmp_path) == (
        111, b"", b"tcprulescheck: fatal: unable to read short: protocol error\n",
    )  # fmt: skip

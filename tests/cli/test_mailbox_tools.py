"""maildir2mbox, mbox2maildir, maildirwatch, safecat and maildir, as programs."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.mailboxes import make_maildir

Run = Callable[..., tuple[int, bytes, bytes]]
LIMIT_S = 60.0
INTERPRETER = [sys.executable, "-c"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_launchers(str(home))
    return home / "bin"


@pytest.fixture
def run(programs: Path, tmp_path: Path) -> Run:
    """Exit status, output and errors of a program that is run in `tmp_path`."""

    def run(name: str, *words: str, text: bytes = b"", **env: str) -> tuple[int, bytes, bytes]:
        ended = subprocess.run(
            [str(programs / name), *words], input=text, capture_output=True, timeout=LIMIT_S, cwd=tmp_path, env=env
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.fixture
def box(tmp_path: Path) -> Path:
    make_maildir(tmp_path / "box", {"new/1": b"Return-Path: <a@b>\n\nFrom 1\n", "cur/2:2,S": b"\n2"})
    return tmp_path / "box"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else's rights")
@pytest.mark.parametrize("link", ["new/1.a.b", "mbox"])
def test_root_follows_no_link_that_a_user_could_not_follow(run: Run, link: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        os.chmod(top, 0o755)
        secret, user = Path(top, "secret"), Path(top, "joe")
        secret.write_bytes(b"root:x\n")
        secret.chmod(0o600)
        make_maildir(user, {"new/2.a.b": b"Subject: x\n\nevil::0:0\n"})
        (user / link).symlink_to(secret)
        for path in (user, *user.rglob("*")):
            os.chown(path, 4242, 4242, follow_symlinks=False)
        for path in (secret, user / "new/2.a.b"):
            os.utime(path, (1, 1))
        status, _, err = run("maildir2mbox", MAILDIR=str(user), MAIL=f"{user}/mbox", MAILTMP=f"{user}/t")
        assert status == 111 and b"access denied" in err
        assert secret.read_bytes() == b"root:x\n" and (user / "new/2.a.b").exists()
        assert link == "mbox" or b"root:x" not in (user / "mbox").read_bytes()


def test_mail_goes_to_an_mbox_and_back(run: Run, box: Path, tmp_path: Path) -> None:
    make_maildir(tmp_path / "back", {})
    assert run("maildir2mbox", MAILDIR="box", MAIL="../mbox", MAILTMP="../mbox.tmp") == (0, b"", b"")
    assert sorted(os.listdir(tmp_path)) == ["back", "box", "mbox"]
    text = (tmp_path / "mbox").read_bytes()
    assert re.fullmatch(rb"From a@b .*\nReturn-Path: <a@b>\n\n>From 1\n\nFrom XXX .*\n\n2\n\n", text)
    assert run("mbox2maildir", "mbox", "back") == (0, b"2 messages\n", b"")
    assert (tmp_path / "mbox").read_bytes() == text
    assert run("mbox2maildir", "-r", "mbox", "back") == (0, b"2 messages\n", b"")
    assert (tmp_path / "mbox").read_bytes() == b""
    found = sorted(path.read_bytes() for path in (tmp_path / "back" / "new").iterdir())
    assert found == [b"\n2\n"] * 2 + [b"Return-Path: <a@b>\n\nFrom 1\n"] * 2


def test_there_and_back_gives_the_same_mbox(run: Run, box: Path, tmp_path: Path) -> None:
    run("maildir2mbox", MAILDIR="box", MAIL="../one", MAILTMP="../t")
    run("mbox2maildir", "one", "box")
    run("maildir2mbox", MAILDIR="box", MAIL="../two", MAILTMP="../t")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() != b""


@pytest.mark.parametrize(
    ("words", "status", "complaint"),
    [
        ((), 100, b"mbox2maildir: usage: mbox2maildir [ -r ] mbox maildir"),
        (("-x", "a", "b"), 100, b"mbox2maildir: usage: mbox2maildir [ -r ] mbox maildir"),
        (("a", "b", "c"), 100, b"mbox2maildir: usage: mbox2maildir [ -r ] mbox maildir"),
        (("none", "box"), 111, b"mbox2maildir: fatal: unable to lock none: file does not exist"),
        (("text", "none"), 111, b"mbox2maildir: fatal: unable to open maildir none: file does not exist"),
        (("text", "box"), 100, b"mbox2maildir: fatal: text is not an mbox file: it does not begin with a From_ line"),
    ],
)
def test_mbox2maildir_says_what_is_wrong(
    run: Run, box: Path, tmp_path: Path, words: tuple[str, ...], status: int, complaint: bytes
) -> None:
    (tmp_path / "text").write_bytes(b"no mbox\n")
    assert run("mbox2maildir", *words) == (status, b"", complaint + b"\n")


@pytest.mark.parametrize(
    ("name", "words", "env", "status", "complaint"),
    [
        ("maildir2mbox", (), {}, 111, b"maildir2mbox: fatal: MAIL not set"),
        ("maildir2mbox", (), {"MAIL": "m"}, 111, b"maildir2mbox: fatal: MAILTMP not set"),
        ("maildir2mbox", (), {"MAIL": "m", "MAILTMP": "t"}, 111, b"maildir2mbox: fatal: MAILDIR not set"),
        (
            *("maildir2mbox", (), {"MAIL": "no/m", "MAILTMP": "t", "MAILDIR": "box"}),
            *(111, b"maildir2mbox: fatal: unable to lock no/m: file does not exist"),
        ),
        (
            *("maildir2mbox", (), {"MAIL": "../m", "MAILTMP": "no/t", "MAILDIR": "box"}),
            *(111, b"maildir2mbox: fatal: unable to create no/t: file does not exist"),
        ),
        ("maildirwatch", (), {}, 111, b"maildirwatch: fatal: MAILDIR not set"),
        (
            *("maildirwatch", (), {"MAILDIR": "none"}),
            *(111, b"maildirwatch: fatal: unable to chdir to none: file does not exist"),
        ),
        (
            *("maildirwatch", (), {"MAILDIR": "box/new"}),
            *(111, b"maildirwatch: fatal: unable to scan $MAILDIR/new: file does not exist"),
        ),
        ("safecat", (), {}, 100, b"safecat: usage: safecat <tempdir> <destdir>"),
        ("safecat", ("a", "b", "c"), {}, 100, b"safecat: usage: safecat <tempdir> <destdir>"),
        ("safecat", ("box", "none"), {}, 111, b"safecat: fatal: could not stat directory: file does not exist"),
        ("safecat", ("box/new/1", "box"), {}, 111, b"safecat: fatal: not a directory"),
        ("maildir", (), {}, 100, b"maildir: usage: maildir dir"),
        ("maildir", ("none",), {}, 111, b"safecat: fatal: could not stat directory: file does not exist"),
    ],
)
def test_each_program_says_what_is_wrong_and_changes_nothing(
    run: Run, box: Path, name: str, words: tuple[str, ...], env: dict[str, str], status: int, complaint: bytes
) -> None:
    assert run(name, *words, **env) == (status, b"", complaint + b"\n")
    assert sorted(os.listdir(box)) == ["cur", "new", "tmp"]
    assert os.listdir(box / "new") == ["1"] and os.listdir(box / "tmp") == []


def test_safecat_tells_the_name_and_maildir_does_not(run: Run, box: Path) -> None:
    status, name, errors = run("safecat", "box/tmp", "box/new", text=b"data\0\xff")
    assert (status, errors) == (0, b"")
    assert re.fullmatch(rb"[0-9]+\.M[0-9]+P[0-9]+\.[^\n/:]+\n", name)
    kept = box / "new" / os.fsdecode(name.rstrip(b"\n"))
    assert kept.read_bytes() == b"data\0\xff" and stat.S_IMODE(kept.stat().st_mode) & ~0o644 == 0
    assert run("maildir", "box", text=b"more") == (0, b"", b"")
    assert sorted(path.read_bytes() for path in (box / "new").iterdir())[-1] == b"more"
    assert os.listdir(box / "tmp") == []


def test_safecat_that_is_stopped_leaves_nothing(programs: Path, box: Path) -> None:
    words = [str(programs / "safecat"), f"{box}/tmp", f"{box}/cur"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stderr is not None
        child.stdin.write(b"half a mess")
        child.stdin.flush()
        deadline = time.monotonic() + LIMIT_S
        while not any(path.stat().st_size for path in (box / "tmp").iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        child.send_signal(signal.SIGTERM)
        assert child.wait(LIMIT_S) == 111
        assert child.stderr.read() == b"safecat: fatal: stopped by a signal\n"
    assert os.listdir(box / "tmp") == [] and os.listdir(box / "cur") == ["2:2,S"]


def test_safecat_gives_up_after_its_time(box: Path) -> None:
    code = "import sys; from qmtwist.agents.mailbox.safecat import *; "
    code += "keep_input(*map(str.encode, sys.argv[1:]), limit_s=1)"
    reading, writing = os.pipe()
    try:
        ended = subprocess.run(
            [*INTERPRETER, code, f"{box}/tmp", f"{box}/new"], stdin=reading, capture_output=True, timeout=LIMIT_S
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert b"Refused: b'timed out'" in ended.stderr
    assert os.listdir(box / "tmp") == [] and os.listdir(box / "new") == ["1"]


def test_maildirwatch_shows_what_is_new_until_nobody_looks(programs: Path, tmp_path: Path) -> None:
    hostile = (
        b"Return-Path: <a\033@b>\nDelivered-To: c\x9b@d\nFrom: \033]0;x\007 Joe <a@b>\nSubject: hi\n\n\033[2J"
        + b"x" * 999
    )
    make_maildir(tmp_path / "box", {"new/1": b"first", "cur/2": b"seen", "new/3": hostile})
    shown = "\033[;H\033[;JFROM ? TO <?>\n/first/\n\nFROM <a?@b> TO <c?@d>\n\033[1m/]0;x/ Joe <a@b>\033[0m\nhi///[2J"
    expected = shown.encode() + b"x" * (158 - 8) + b"\n\n"
    env = {"MAILDIR": str(tmp_path / "box")}
    with subprocess.Popen([str(programs / "maildirwatch")], stdout=subprocess.PIPE, env=env) as child:
        assert child.stdout is not None
        assert child.stdout.read(len(expected)) == expected
        child.kill()
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([str(programs / "maildirwatch")], stdout=writing, env=env, timeout=LIMIT_S)
    os.close(writing)
    assert ended.returncode == 0

"""qmail-qread, qmail-qstat, qmail-clean and qmail-rspawn as programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qmtwist.store.queue.layout import Layout
from tests.support.queues import make_queue, put

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run({name!r}, {home!r})"


def run(name: str, home: str, *words: str, stdin: bytes = b"", **environ: str) -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name, home=home), *words]
    ended = subprocess.run(command, input=stdin, capture_output=True, env=environ, timeout=30)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def layout(open_directory: str) -> Layout:
    return make_queue(open_directory + "/queue")


def home_of(layout: Layout) -> str:
    return os.path.dirname(layout.queue)


def test_the_queue_is_listed_and_counted(layout: Layout) -> None:
    for number, sender in ((49, b"s@x"), (50, b"")):
        put(layout.mess(number), b"x" * number)
        put(layout.info(number), b"F" + sender + b"\0")
        os.utime(layout.info(number), (1000000000, 1000000000))
    put(layout.channel("local", 49), b"Dann@h\0Tbob@h\0Thalf-writ")
    put(layout.channel("remote", 49), b"Tc@d\0")
    put(layout.bounce(50), b"<x>:\nno\n\n")
    put(layout.mess(51))
    put(layout.todo(51), b"u0\0p1\0F\0")
    assert run("qmail-qread", home_of(layout)) == (
        0,
        b"9 Sep 2001 01:46:40 GMT  #49  49  <s@x> \n  done\tlocal\tann@h\n\tlocal\tbob@h\n\tremote\tc@d\n"
        b"9 Sep 2001 01:46:40 GMT  #50  50  <>  bouncing\n",
        b"",
    )
    assert run("qmail-qstat", home_of(layout)) == (
        0, b"messages in queue: 3\nmessages in queue but not yet preprocessed: 1\n", b"",
    )  # fmt: skip


def test_a_message_that_lost_its_text_is_warned_about(layout: Layout) -> None:
    put(layout.info(49), b"Fs@x\0")
    assert run("qmail-qread", home_of(layout)) == (0, b"warning: trouble with #49: file does not exist\n", b"")


def test_without_a_queue_the_tools_fail(tmp_path: Path) -> None:
    assert run("qmail-qread", str(tmp_path)) == (111, b"", b"fatal: unable to chdir: file does not exist\n")
    assert run("qmail-qstat", str(tmp_path))[0] == 111
    assert run("qmail-clean", str(tmp_path))[0] == 111
    assert run("qmail-rspawn", str(tmp_path))[0] == 111


def test_qmail_clean_obeys(layout: Layout) -> None:
    put(layout.mess(49))
    assert run("qmail-clean", home_of(layout), stdin=b"foop/49\0what/1\0foop/4") == (0, b"+x", b"")
    assert not os.path.exists(layout.mess(49))


REMOTE = '#!/bin/sh\nprintf \'r\\0K%s %s %s\\n\' "$1" "$2" "$3"; cat; printf \'\\0\'\n'


def test_qmail_rspawn_delivers_side_by_side(layout: Layout) -> None:
    remote = Path(home_of(layout), "remote")
    remote.write_text(REMOTE)
    remote.chmod(0o755)
    put(layout.mess(23), b"one\n")
    put(layout.mess(24), b"two\n")
    orders = b"\x010/23\0s@x\0a@b\0\x021/24\0\0c@d\0\x013/3\0s\0a@b\0\x041/24\0s\0joe\0\x05incompl"
    status, reports, _ = run("qmail-rspawn", home_of(layout), stdin=orders, QMAILREMOTE=str(remote))
    assert status == 0 and reports[:1] == b"x"
    assert set(reports[1:].split(b"\0")[:-1]) == {
        b"\x01Kb s@x a@b\none\n",
        b"\x02Kd  c@d\ntwo\n",
        b"\x01ZInternal error: delnum in use. (#4.3.5)\n",
        b"\x04DSorry, address must include host name. (#5.1.3)\n",
    }


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("0/46", b"Zqmail-spawn unable to open message. (#4.3.0)\n"),
        ("0/0", b"ZSorry, message has wrong type. (#4.3.5)\n"),
        ("0/23", b"Zqmail-remote produced no output.\n"),
    ],
)
def test_qmail_rspawn_looks_at_the_message_first(layout: Layout, name: str, report: bytes) -> None:
    put(layout.mess(23))
    os.mkfifo(layout.mess(0))
    order = b"\x01%s\0s\0a@b\0" % name.encode()
    assert run("qmail-rspawn", home_of(layout), stdin=order, QMAILREMOTE="/bin/true")[1] == b"x\x01" + report + b"\0"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_qmail_rspawn_refuses_a_message_of_another_owner(layout: Layout) -> None:
    put(layout.mess(23))
    os.chown(layout.mess(23), 54321, -1)
    order = b"\x010/23\0s\0a@b\0"
    reports = run("qmail-rspawn", home_of(layout), stdin=order, QMAILREMOTE="/bin/true")[1]
    assert reports == b"x\x01ZSorry, message has wrong owner. (#4.3.5)\n\0"


def test_qmail_rspawn_knows_one_option(layout: Layout) -> None:
    assert run("qmail-rspawn", home_of(layout), "-x")[0] == 100


def test_qmail_rspawn_forgets_at_its_start_who_did_not_answer(layout: Layout) -> None:
    put(layout.tcpto, b"x" * 1024)
    put(layout.tcpto + "6", b"x" * 2048)
    for path in (layout.tcpto, layout.tcpto + "6"):
        os.chmod(path, 0o666)  # it is qmailr's, or nobody's where there is no such account
    assert run("qmail-rspawn", home_of(layout)) == (0, b"x", b"")
    assert Path(layout.tcpto).read_bytes() == bytes(1024)
    assert Path(layout.tcpto + "6").read_bytes() == bytes(2048)

"""predate, datemail, mailsubj, and the readers of mboxes, as programs."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from qmtwist.mail.date import local822
from tests.support.inject_home import Home

DATE = rb"Date: \d+ [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d ([-+]\d{4})\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize(("zone", "shown"), [("UTC", b"+0000"), ("XXX-5:30", b"+0530"), ("XXX+3:30", b"-0330")])
def test_predate_writes_the_local_time(home: Home, zone: str, shown: bytes) -> None:
    status, printed, _ = home.run("predate", "cat", message=b"Subject: s\n\nx\n", TZ=zone)
    found = re.fullmatch(DATE + rb"Subject: s\n\nx\n", printed)
    assert status == 0 and found is not None and found[1] == shown


@pytest.mark.parametrize("zone", ["UTC", "XXX-5:30", "XXX+3:30", "XXX-0:00:59", "XXX+12"])
def test_the_local_date_is_what_the_library_says(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for now in (0, 1, 86399, 951782400, 1795238029):
            local = time.localtime(now)
            wanted = time.strftime(f"{local.tm_mday} %b %Y %H:%M:%S", local)
            assert local822(now, local.tm_gmtoff)[:-6].decode() == wanted
    finally:
        monkeypatch.undo()
        time.tzset()


def test_predate_ends_as_its_program(home: Home) -> None:
    assert home.run("predate", "sh", "-c", "exit 5", message=b"x" * 1_000_000)[0] == 5
    assert home.run("predate", "sh", "-c", "kill -9 $$") == (111, b"", b"predate: fatal: child crashed\n")
    complaint = b"predate: fatal: unable to run /no/such: file does not exist\n"
    assert home.run("predate", "/no/such") == (111, b"", complaint)
    assert home.run("predate") == (100, b"", b"predate: usage: predate child\n")


def test_half_a_message_is_not_handed_on(home: Home) -> None:
    copy = home.program("copy", f"cat >{home.path}/part && mv {home.path}/part {home.path}/whole\n")
    descriptor = os.open(home.path / "unread", os.O_WRONLY | os.O_CREAT)  # reading fails
    try:
        ended = home.start("predate", str(copy), stdin=descriptor)
    finally:
        os.close(descriptor)
    assert ended == (111, b"", b"predate: fatal: unable to read input: file descriptor not open\n")
    assert not (home.path / "whole").exists()


def test_lines_that_end_in_cr_lf_are_understood_behind_the_date(home: Home) -> None:
    assert home.run("datemail", "-t", message=b"To: ann@b.c\r\nX-A: b\r\n\r\nx\r\ny\r\n", TZ="UTC")[0] == 0
    queued = home.queued()
    assert queued is not None and b"\r" not in queued[1] and queued[1].endswith(b"\nX-A: b\n\nx\ny\n")


def test_datemail_is_sendmail_with_the_local_time(home: Home) -> None:
    assert home.run("datemail", "-oi", "-t", message=b"To: ann@b.c\n\nx\n", TZ="XXX-5:30") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fjoe@me.example\0Tann@b.c\0\0"
    assert re.search(b"\n" + DATE + b"To: ann@b.c\n\nx\n$", queued[1]) and queued[1].count(b"Date: ") == 1
    assert home.run("datemail", "-z")[0] == 64


def test_mailsubj_sends_what_it_is_given(home: Home) -> None:
    assert home.run("mailsubj", "hello world", "a@b.c", "d", message=b"body\n") == (0, b"", b"")
    queued = home.queued()
    assert queued is not None and queued[0] == b"Fjoe@me.example\0Td@me.example\0Ta@b.c\0\0"
    assert queued[1].endswith(b"\nSubject: hello world\nTo: a@b.c, d@me.example\n\nbody\n")


def test_nothing_is_injected_by_subject_or_recipient(home: Home) -> None:
    assert home.run("mailsubj", "s\nBcc: eve@x.y\n\n", "a@b.c\nCc: eve@x.y", message=b"body\n")[0] == 0
    queued = home.queued()
    assert queued is not None and b"\nBcc" not in queued[1] and b"\nCc" not in queued[1]
    assert b"\nSubject: s Bcc: eve@x.y  \nTo: " in queued[1]


def test_mailsubj_wants_somebody_to_send_to(home: Home) -> None:
    assert home.run("mailsubj")[0] == 100
    assert home.run("mailsubj", "s", message=b"body\n")[0] == 100
    assert home.queued() is None


@pytest.mark.parametrize(
    ("program", "reader"),
    [("qail", "Mail"), ("qail", "mailx"), ("elq", "elm"), ("pinq", "pine"), ("pinq", "alpine")],
)
def test_a_reader_is_started_when_the_mail_has_been_moved(home: Home, program: str, reader: str) -> None:
    home.program("maildir2mbox", "echo moved\n")
    home.program(reader, f'echo {reader} "$#" "$1"\n')
    path = str(home.path / "bin")
    assert home.run(program, "a b", PATH=path) == (0, b"moved\n%s 1 a b\n" % reader.encode(), b"")
    home.program("maildir2mbox", "exit 111\n")
    assert home.run(program, PATH=path) == (111, b"", b"")


def test_it_is_told_when_there_is_no_reader(home: Home) -> None:
    assert home.run("elq") == (111, b"", b"elq: fatal: unable to run maildir2mbox: file does not exist\n")
    home.program("maildir2mbox", "exit 0\n")
    complaint = b"pinq: fatal: unable to run pine or alpine: file does not exist\n"
    assert home.run("pinq", PATH=str(home.path / "bin")) == (111, b"", complaint)

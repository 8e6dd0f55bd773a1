"""Other people's mailbox programs, on what we deliver: Dovecot's IMAP server and getmail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
IMAP = "/usr/lib/dovecot/imap"
SHELL = "/usr/sbin:/usr/bin:/sbin:/bin"


def prepare(made: Town) -> None:
    """joe and ann can log in."""
    for user in made.users:
        ended = made.attempt("qmtwist", "passwd", "--home", made.path, user, text=f"{user}-secret\n" * 2)
        assert ended.returncode == 0, ended


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture
def made(office: Office) -> Town:
    for user in office.town.users:
        office.town.forget(user)
    return office.town


def settled(maildir: str) -> None:
    """qmail-pop3d and maildirserial leave messages of this very second for the next time: make them older."""
    for room in ("new", "cur"):
        for name in os.listdir(f"{maildir}/{room}"):
            os.utime(f"{maildir}/{room}/{name}", (10**9, 10**9))


def imap(made: Town, *commands: str) -> str:
    """What Dovecot answers to commands about joe's maildir, told that joe has logged in."""
    if not os.access(IMAP, os.X_OK):
        pytest.skip("needs Dovecot")
    joe = made.directory("joe")
    made.file("joe", "dovecot.conf", f"mail_location = maildir:{joe}/Maildir\nlog_path = /dev/stderr\nssl = no\n")
    text = "".join(f"a{number} {command}\r\n" for number, command in enumerate((*commands, "LOGOUT")))
    ended = subprocess.run(
        [IMAP, "-c", f"{joe}/dovecot.conf"], input=text.encode(), capture_output=True, timeout=60, cwd="/",
        env={"USER": "joe", "HOME": joe, "PATH": SHELL}, preexec_fn=made.before_exec("joe"),
    )  # fmt: skip
    answers = ended.stdout.decode("latin-1")
    assert answers.startswith("* PREAUTH ") and f"a{len(commands)} OK " in answers, (answers, ended.stderr)
    return answers


def test_dovecot_shows_unread_as_unread_and_its_marks_are_seen(office: Office, made: Town) -> None:
    """S241."""
    office.deliver(f"joe@{H}", message=b"Subject: one\n\nbody\n")
    office.deliver(f"joe@{H}", message=b"Subject: two\n\nbody\n")
    office.wait_for_messages("joe", 2)
    shown = imap(made, "SELECT INBOX", "FETCH 1:2 (FLAGS)", "FETCH 2 BODY[]", "STORE 1 +FLAGS (\\Flagged)")
    assert "* 2 EXISTS\r\n" in shown and "[UNSEEN 1]" in shown
    assert re.findall(r"\* \d FETCH \(FLAGS \(([^)]*)\)\)", shown)[:2] == ["\\Recent", "\\Recent"]
    assert "Return-Path: <s@far.example>\r\nDelivered-To: joe@test.example\r\nReceived: " in shown
    flags = sorted(name.partition(":2,")[2] for name in os.listdir(f"{made.maildir('joe')}/cur"))
    assert flags == ["F", "S"]
    settled(made.maildir("joe"))
    ended = made.attempt("qmail-pop3d", made.maildir("joe"), text=b"stat\r\nretr 2\r\nquit\r\n", user="joe")
    if os.geteuid() != 0 or made.is_real:
        assert b"\r\n+OK 2 " in ended.stdout and b"\r\nSubject: " in ended.stdout, ended


def test_dovecot_finds_folders_that_maildirmake_made(office: Office, made: Town) -> None:
    """S241: mail filed there by a .qmail file is in the folder."""
    ended = made.attempt("maildirmake", "-f", "Lists.qmail", made.maildir("joe"), user="joe")
    assert ended.returncode == 0, ended
    made.file("joe", ".qmail-lists", "./Maildir/.Lists.qmail/\n")
    assert ": success: " in office.deliver(f"joe-lists@{H}", message=b"Subject: filed\n\nx\n")
    shown = imap(made, 'LIST "" "*"', "SELECT Lists.qmail", "FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert re.search(r'\* LIST \([^)]*\) "\." "?Lists\.qmail"?\r\n', shown) and "Subject: filed" in shown


def test_dovecot_reads_what_came_from_an_mbox(office: Office, made: Town) -> None:
    """S241: marks and dates have come along."""
    mbox = "From a@b Sun Sep  9 01:46:40 2001\nSubject: old\nStatus: RO\nX-Status: AF\n\n>From x\n\n"
    made.file("joe", "old", mbox)
    joe = made.directory("joe")
    ended = made.attempt("mbox2maildir", f"{joe}/old", f"{joe}/Maildir", user="joe")
    assert ended.stdout == b"1 message\n", ended
    shown = imap(made, "SELECT INBOX", "FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[TEXT])")
    assert "09-Sep-2001 01:46:40 +0000" in shown and "\nFrom x\r\n" in shown
    assert all(flag in shown.partition("FETCH (")[2] for flag in ("\\Answered", "\\Flagged", "\\Seen"))


def test_getmail_fetches_into_a_maildir_that_is_sent_on(office: Office, made: Town) -> None:
    """S244: by POP3 from us, into a maildir, and from there by maildirserial and serialsmtp back to us."""
    getmail = shutil.which("getmail", path=SHELL)
    if getmail is None:
        pytest.skip("needs getmail")
    made.file("joe", ".qmail-ann", "./Maildir/\n")
    office.deliver(f"joe-ann@{H}", message=b"Subject: fetched\n\nFrom me\n.\nend\n")
    office.wait_for_messages("joe", 1)
    box = f"{made.folder('joe', 'fetched')}/box"
    assert made.attempt("maildirmake", box, user="joe").returncode == 0
    path = made.file(
        *("joe", "fetched/rc"),
        f"[retriever]\ntype = MultidropPOP3Retriever\nserver = 127.0.0.1\nport = {office.pop3_port}\n"
        "username = joe\npassword = joe-secret\nenvelope_recipient = delivered-to:1\n"
        f"[destination]\ntype = Maildir\npath = {box}/\n[options]\ndelete = true\n",
        0o600,
    )
    home = os.path.dirname(path)
    ended = made.attempt(getmail, "--getmaildir", home, "--rcfile", path, user="joe", more={"HOME": home})
    assert ended.returncode == 0 and not made.messages("joe"), ended
    (fetched,) = Path(box, "new").iterdir()
    assert fetched.read_bytes().startswith(b"Return-Path: <s@far.example>\nDelivered-To: joe-ann@")
    settled(box)
    client = [made.program("tcpclient"), "-RHl0", "127.0.0.1", str(office.smtp_port), made.program("serialsmtp")]
    sent = made.attempt("maildirserial", box, "joe-", *client, "joe-", "client.example", user="joe")
    assert sent.returncode == 0 and b" succeeded: " in sent.stderr, sent
    (message,) = office.wait_for_messages("ann", 1)
    assert b"\nDelivered-To: ann@test.example\n" in message and message.endswith(b"\n\nFrom me\n.\nend\n")
    assert not list(Path(box, "new").iterdir())

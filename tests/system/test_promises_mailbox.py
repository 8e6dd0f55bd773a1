"""Mailboxes as the documents promise them: the programs that users and their .qmail files call, on a running server."""

from __future__ import annotations

import mailbox
import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import environment, running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe") as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture
def made(office: Office) -> Town:
    office.town.forget("joe")
    return office.town


def installed(name: str) -> str:
    """Where somebody else's program is."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


def settled(made: Town) -> None:
    """Messages of this very second are left where they are: make them older."""
    for room in ("new", "cur"):
        directory = f"{made.maildir('joe')}/{room}"
        for name in os.listdir(directory):
            past = time.time() - 100
            os.utime(f"{directory}/{name}", (past, past))


# -- S275


def rules(made: Town, text: str) -> None:
    """joe's recipes, and a .qmail file that follows them."""
    joe = made.directory("joe")
    made.file("joe", "rc", f"SHELL=/bin/sh\nMAILDIR={joe}\nDEFAULT={joe}/left\n{text}", 0o600)
    program = f"{made.path}/bin/preline -f {installed('procmail')} {joe}/rc"
    made.file("joe", ".qmail-procmail", f"|{program}\n")


@pytest.mark.parametrize("name", ["safecat Maildir/tmp Maildir/new", "maildir Maildir"])
def test_a_recipe_files_the_message(office: Office, made: Town, name: str) -> None:
    """S275: `:0w` and `|safecat Maildir/tmp Maildir/new`."""
    rules(made, f":0w\n|{made.path}/bin/{name}\n")
    report = office.deliver(f"joe-procmail@{H}", message=b"Subject: filed\n\nFrom here\nlast")
    assert ": success: " in report, report
    (message,) = office.wait_for_messages("joe", 1)
    assert message.startswith(b"Return-Path: <s@far.example>\nDelivered-To: joe-procmail@%s\n" % H.encode())
    assert message.rstrip(b"\n").endswith(b"\nSubject: filed\n\nFrom here\nlast")
    assert os.listdir(f"{made.maildir('joe')}/tmp") == []


def test_a_recipe_that_fails_is_known_to_have_failed(office: Office, made: Town) -> None:
    """S275: procmail goes on with the next recipe; where none is left the message waits."""
    safecat = f"{made.path}/bin/safecat"
    rules(made, f":0w\n|{safecat} nowhere/tmp nowhere/new\n\n:0w\n|{safecat} Maildir/tmp Maildir/new\n")
    assert ": success: " in office.deliver(f"joe-procmail@{H}")
    assert len(office.wait_for_messages("joe", 1)) == 1
    made.forget("joe")
    rules(made, f":0w\n|{safecat} nowhere/tmp nowhere/new\n\nEXITCODE=111\nHOST=\n")
    report = office.deliver(f"joe-procmail@{H}")
    assert ": deferral: " in report and "could_not_stat_directory:_file_does_not_exist" in report, report
    assert made.messages("joe") == []


def test_safecat_stands_in_a_qmail_file(office: Office, made: Town) -> None:
    """S275, without procmail."""
    made.file("joe", ".qmail-safecat", f"|{made.path}/bin/safecat Maildir/tmp Maildir/new\n")
    assert ": success: " in office.deliver(f"joe-safecat@{H}", message=b"Subject: x\n\nbody\n")
    (message,) = office.wait_for_messages("joe", 1)
    assert message.startswith(b"Received: ") and message.endswith(b"Subject: x\n\nbody\n")
    made.file("joe", ".qmail-safecat", f"|{made.path}/bin/safecat Maildir/tmp\n")
    assert ": failure: safecat:_usage:_safecat_<tempdir>_<destdir>/" in office.deliver(f"joe-safecat@{H}")


# -- S277


def test_delivered_mail_goes_to_an_mbox_that_others_can_read(office: Office, made: Town) -> None:
    """S277: MAILDIR, MAIL, MAILTMP; the standard library reads what was written."""
    joe = made.directory("joe")
    for number in range(3):
        office.deliver(f"joe@{H}", f"s{number}@far.example", b"Subject: %d\n\nFrom me\nno line end" % number)
    office.wait_for_messages("joe", 3)
    where = {"MAILDIR": f"{joe}/Maildir", "MAIL": f"{joe}/Mailbox", "MAILTMP": f"{joe}/Mailbox.tmp"}
    settled(made)
    ended = made.attempt("maildir2mbox", user="joe", more=where)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert made.messages("joe") == []
    box = mailbox.mbox(f"{joe}/Mailbox", create=False)
    found = sorted((message["Subject"], message.get_from().split()[0], message.get_payload()) for message in box)
    box.close()
    assert found == [(str(number), f"s{number}@far.example", ">From me\nno line end\n") for number in range(3)]
    back = made.attempt("mbox2maildir", "-r", f"{joe}/Mailbox", f"{joe}/Maildir", user="joe")
    assert (back.returncode, back.stdout, back.stderr) == (0, b"3 messages\n", b"")
    again = office.wait_for_messages("joe", 3)
    assert all(message.startswith(b"Return-Path: <s") for message in again)
    assert all(message.endswith(b"\n\nFrom me\nno line end\n") for message in again)


def test_new_mail_is_shown(office: Office, made: Town) -> None:
    """S277."""
    office.deliver(f"joe@{H}", message=b"From: Ann <ann@far.example>\nSubject: hello\n\nworld\n")
    office.wait_for_messages("joe", 1)
    settled(made)
    wanted = f"FROM <s@far.example> TO <joe@{H}>\n\033[1mAnn <ann@far.example>\033[0m\nhello//world/\n\n".encode()
    with subprocess.Popen(
        [made.program("maildirwatch")],
        stdout=subprocess.PIPE,
        env={**environment(), "MAILDIR": made.maildir("joe")},
        preexec_fn=made.before_exec("joe"),
    ) as child:
        assert child.stdout is not None
        shown = child.stdout.read(len(b"\033[;H\033[;J") + len(wanted))
        child.kill()
    assert shown == b"\033[;H\033[;J" + wanted


# -- S245


def on_a_terminal(made: Town, words: list[str], env: dict[str, str]) -> bytes:
    """Run a program of joe's on a terminal to its end, and return what it showed."""
    ours, theirs = pty.openpty()
    enter = made.before_exec("joe")
    child = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=env, preexec_fn=enter, cwd="/")
    os.close(theirs)
    shown, deadline = b"", time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline and select.select([ours], [], [], deadline - time.monotonic())[0]:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # the terminal's other end is closed
                break
            shown += piece
        assert time.monotonic() < deadline, shown
        assert child.wait(LIMIT_S) == 0, shown
    finally:
        child.kill()
        child.wait()
        os.close(ours)
    return shown


def test_mutt_reads_the_maildir_and_the_mbox(office: Office, made: Town) -> None:
    """S245: unread is shown as unread, what was read is marked, and mail moved by maildir2mbox is readable."""
    mutt, joe = installed("mutt"), made.directory("joe")
    office.deliver(f"joe@{H}", message=b"Subject: first\n\nbody one\n")
    office.wait_for_messages("joe", 1)
    settled(made)
    common = (
        "set quit=yes confirmcreate=no confirmappend=no delete=yes mark_old=no move=no wait_key=no\nunset record mbox\n"
    )
    common += f"set folder={joe}/Maildir spoolfile={joe}/Maildir\n"
    keys = {"read": "<display-message><exit><quit>", "copy": f"<copy-message>{joe}/out<enter><quit>"}
    env = {**environment(), "HOME": joe, "TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    for name, pushed in keys.items():
        made.file("joe", f"muttrc-{name}", f'{common}push "{pushed}"\n')
    assert os.listdir(f"{joe}/Maildir/cur") == []
    on_a_terminal(made, [mutt, "-n", "-F", f"{joe}/muttrc-read", "-f", f"{joe}/Maildir"], env)
    (name,) = os.listdir(f"{joe}/Maildir/cur")
    assert os.listdir(f"{joe}/Maildir/new") == [] and name.endswith(":2,S")
    settled(made)
    where = {"MAILDIR": f"{joe}/Maildir", "MAIL": f"{joe}/muttbox", "MAILTMP": f"{joe}/muttbox.tmp"}
    assert made.attempt("maildir2mbox", user="joe", more=where).returncode == 0
    on_a_terminal(made, [mutt, "-n", "-F", f"{joe}/muttrc-copy", "-f", f"{joe}/muttbox"], env)
    assert "\nSubject: first\n" in made.read("joe", "out") and "\n\nbody one\n" in made.read("joe", "out")

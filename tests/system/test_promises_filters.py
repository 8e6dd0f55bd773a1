"""Programs in .qmail files as the documents promise them, on a running server: ours, procmail, and other vacations."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
SENDMAIL = "/usr/sbin/sendmail"
needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")


def needs(program: str, package: str) -> pytest.MarkDecorator:
    is_there = shutil.which(program, path="/usr/bin:/bin:/usr/sbin") is not None
    return pytest.mark.skipif(not is_there, reason=f"{program} is not here: Debian has it in {package}")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "djb") as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def nothing_yet(office: Office) -> None:
    for user in office.town.users:
        office.town.forget(user)


def text(
    office: Office, ext: str, lines: str, message: bytes = b"Subject: x\n\nbody\n", sender: str = f"ann@{H}"
) -> str:
    """Write joe's .qmail-EXT, send a message to it, and return the report of the delivery."""
    office.town.file("joe", f".qmail-{ext}", lines)
    return office.deliver(f"joe-{ext}@{H}", sender, message)


def letters(office: Office, user: str, count: int = 1) -> list[str]:
    """What is in a maildir, when there are as many."""
    found = office.wait_for_messages(user, count)
    assert len(found) == count
    return [letter.decode("latin-1") for letter in found]


def front(ext: str) -> str:
    """The two lines that stand in front of a message of ann's for joe-EXT."""
    return f"Return-Path: <ann@{H}>\nDelivered-To: joe-{ext}@{H}\n"


# -- procmail and other filters


@needs("procmail", "procmail")
def test_preline_procmail_gets_the_three_lines_and_delivers(office: Office) -> None:
    """S268."""
    home = office.town.directory("joe")
    recipe = office.town.file("joe", "recipe", f"SHELL=/bin/sh\n:0:\n* ^Subject: x\n{home}/Sorted\n")
    report = text(office, "procmail", f"|preline procmail -m {recipe}\n")
    assert ": success: " in report and report.endswith("did_0+0+1/"), report
    first, rest = office.town.read("joe", "Sorted").split("\n", 1)
    assert first.startswith(f"From ann@{H} ") and rest.startswith(front("procmail"))
    assert rest.endswith("Subject: x\n\nbody\n\n")


@needs_accounts
@needs("procmail", "procmail")
def test_preline_procmail_alone_reads_the_users_own_recipes(office: Office) -> None:
    """S268, S279: as `defaultdelivery` has it, without an option."""
    home = office.town.directory("joe")
    office.town.file("joe", ".procmailrc", f"SHELL=/bin/sh\nMAILDIR={home}\n:0:\nOwn\n")
    assert text(office, "own", "|preline procmail\n").endswith("success: did_0+0+1/")
    assert front("own") in office.town.read("joe", "Own")


@needs("procmail", "procmail")
@pytest.mark.parametrize(
    ("recipe", "outcome"),
    [
        ("EXITCODE=0\n:0\n/dev/null\n", "success"),
        ("EXITCODE=75\n:0\n/dev/null\n", "deferral"),
        ("EXITCODE=67\n:0\n/dev/null\n", "failure"),
        ("EXITCODE=70\n:0\n/dev/null\n", "deferral"),
        ("EXITCODE=73\n:0\n/dev/null\n", "deferral"),
    ],
)
def test_qmail_procmail_translates_what_procmail_means(office: Office, recipe: str, outcome: str) -> None:
    """S269: a mailbox that cannot be written (73) defers; only what a recipe calls a failure is one."""
    path = office.town.file("joe", "recipe", f"SHELL=/bin/sh\n{recipe}")
    report = text(office, "wrapped", f"|qmail-procmail -m {path}\n", sender="")
    assert f": {outcome}: " in report, report


@pytest.mark.parametrize(("code", "outcome"), [(0, "success"), (99, "success"), (100, "failure"), (1, "deferral")])
def test_preline_filter_works_the_same(office: Office, code: int, outcome: str) -> None:
    """S270: any program that expects the mbox form of a message."""
    script = f"#!/bin/sh\ncat >filtered\nexit {code}\n"
    office.town.file("joe", "filter", script, 0o755)
    report = text(office, "filter", "|preline ./filter\n|echo after\n", sender=f"ann@{H}" if code != 100 else "")
    assert f": {outcome}: " in report and report.endswith("after/did_0+0+2/") == (code == 0), report
    assert office.town.read("joe", "filtered").startswith("From ")


# -- vacation


def personal(recipient: str) -> bytes:
    return f"From: Ann <ann@{H}>\nTo: {recipient}\nSubject: Lunch?\nMessage-ID: <1@{H}>\n\nbody\n".encode()


def answers(office: Office, line: str, count: int = 3) -> list[str]:
    """What ann gets when she has written to djb, who has this line above his mailbox, so many times."""
    office.town.file("djb", ".qmail", f"{line}\n./Maildir/\n")
    for _ in range(count):
        report = office.deliver(f"djb@{H}", f"ann@{H}", personal(f"djb@{H}"))
        assert ": success: " in report and report.endswith("did_1+0+1/"), report
    assert len(letters(office, "djb", count)) == count
    found = letters(office, "ann")
    office.wait_for_line(f"to local ann@{H}")
    return found


def test_vacation_answers_once_per_sender(office: Office) -> None:
    """S271, as Life with qmail has it in section 4.1.1."""
    office.town.file("djb", ".vacation.msg", "Subject: away from my mail (was: $SUBJECT)\n\nI am on vacation.\n")
    (letter,) = answers(office, "|preline vacation djb")
    assert letter.startswith(f"Return-Path: <>\nDelivered-To: ann@{H}\n")
    assert "\nSubject: away from my mail (was: Lunch?)\n" in letter and letter.endswith("\n\nI am on vacation.\n")
    assert f"\nIn-Reply-To: <1@{H}>\n" in letter and "\nAuto-Submitted: auto-replied\n" in letter


def test_two_who_are_away_do_not_answer_each_other(office: Office) -> None:
    """S271: no answer is answered, whatever stands in the two .qmail files."""
    for user in ("joe", "ann"):
        office.town.file(user, ".qmail", f"|vacation -j {user}\n./Maildir/\n")
    try:
        assert ": success: " in office.deliver(f"joe@{H}", f"ann@{H}", personal(f"joe@{H}"))
        assert "\nAuto-Submitted: auto-replied\n" in letters(office, "ann")[0]
        assert len(letters(office, "joe")) == 1
    finally:
        for user in ("joe", "ann"):
            os.unlink(f"{office.town.directory(user)}/.qmail")


@needs_accounts
@needs("/usr/bin/vacation", "vacation")
@needs(SENDMAIL, "postfix")
def test_the_vacation_of_the_system_runs_unchanged(office: Office) -> None:
    """S271: it calls /usr/sbin/sendmail, which is ours after a switch to this server."""
    if office.town.space is None:
        pytest.skip("needs a name space of its own, to put our sendmail in the place of the system's")
    office.town.run("mount", "--bind", office.town.program("sendmail"), SENDMAIL)
    try:
        office.town.file("djb", ".vacation.msg", f"From: djb@{H}\nSubject: away\n\nI am on vacation.\n")
        office.town.attempt("/usr/bin/vacation", "-i", user="djb", more={"HOME": office.town.directory("djb")})
        (letter,) = answers(office, "|preline /usr/bin/vacation -z djb")
        assert letter.endswith("\n\nI am on vacation.\n") and "\nSubject: away\n" in letter
    finally:
        office.town.run("umount", SENDMAIL)


# -- conditions


def test_forward_sends_on_with_delivered_to(office: Office) -> None:
    """S272."""
    assert text(office, "forward", f"|forward ann@{H} djb@{H}\n").endswith("did_0+0+1/")
    for user in ("ann", "djb"):
        (letter,) = letters(office, user)
        assert letter.startswith(f"Return-Path: <ann@{H}>\nDelivered-To: {user}@{H}\n")
        assert f"\nDelivered-To: joe-forward@{H}\n" in letter


def test_forward_names_the_owner_of_a_list_as_sender(office: Office) -> None:
    """S272: a bounce goes to joe-list-owner, and not to who has written to the list."""
    office.town.file("joe", ".qmail-list-owner", "./Maildir/\n")
    assert ": success: " in text(office, "list", f"|forward djb@{H}\n")
    assert letters(office, "djb")[0].startswith(f"Return-Path: <joe-list-owner@{H}>\n")


def test_condredirect_ends_the_file_when_the_program_says_yes(office: Office) -> None:
    """S272."""
    line = f"|condredirect djb@{H} grep -q ^Subject:.junk\n./Maildir/\n"
    assert text(office, "cond", line, b"Subject: junk\n\nx\n").endswith("did_0+0+1/")
    assert "Subject: junk\n" in letters(office, "djb")[0] and letters(office, "joe", 0) == []
    assert text(office, "cond", line, b"Subject: good\n\nx\n").endswith("did_1+0+1/")
    assert "Subject: good\n" in letters(office, "joe")[0]


def test_except_turns_an_answer_around(office: Office) -> None:
    """S272."""
    line = f"|condredirect djb@{H} except grep -q ^Subject:.good\n./Maildir/\n"
    assert text(office, "except", line, b"Subject: junk\n\nx\n").endswith("did_0+0+1/")
    assert text(office, "except", line, b"Subject: good\n\nx\n").endswith("did_1+0+1/")


def test_bouncesaying_tells_the_sender_why(office: Office) -> None:
    """S272."""
    line = "|bouncesaying 'We do not sell shoes.' grep -q ^Subject:.shoes\n./Maildir/\n"
    assert text(office, "shoes", line, b"Subject: hats\n\nx\n").endswith("did_1+0+1/")
    assert text(office, "shoes", line, b"Subject: shoes\n\nx\n").endswith("failure: We_do_not_sell_shoes./")
    assert "We do not sell shoes." in letters(office, "ann")[0]


@pytest.mark.parametrize("program", ["condredirect djb", "bouncesaying No", "except"])
@pytest.mark.parametrize("end", ["exit 111", "kill -9 $$"])
def test_a_program_that_cannot_tell_defers(office: Office, program: str, end: str) -> None:
    """S272."""
    assert ": deferral: " in text(office, "later", f"|{program} sh -c '{end}'\n./Maildir/\n")
    assert letters(office, "joe", 0) == []


def test_iftocc_finds_the_address_that_was_written_to(office: Office) -> None:
    """S274: with condredirect and bouncesaying, and alone by the exit codes of a command."""
    for line, listed, unlisted in (
        (f"|condredirect djb@{H} iftocc joe-i@{H}\n./Maildir/\n", "did_0+0+1/", "did_1+0+1/"),
        ("|bouncesaying 'Name me.' except iftocc\n./Maildir/\n", "did_1+0+1/", "failure: Name_me./"),
        ("|iftocc && exit 99; exit 0\n./Maildir/\n", "did_0+0+1/", "did_1+0+1/"),
        ("|iftocc\n./Maildir/\n", "did_1+0+1/", "failure: "),
    ):
        assert text(office, "i", line, f"Cc: JOE-i@{H}\n\n".encode(), sender="").endswith(listed)
        assert text(office, "i", line, f"To: ann@{H}\n\n".encode(), sender="").endswith(unlisted)


# -- notices


def test_qreceipt_answers_who_asks(office: Office) -> None:
    """S273."""
    line = f"./Maildir/\n|qreceipt joe-receipt@{H}\n"
    asked = f"Notice-Requested-Upon-Delivery-To: joe-receipt@{H}\nMessage-ID: <1@{H}>\n\nbody\n".encode()
    assert text(office, "receipt", line).endswith("did_1+0+1/")
    assert text(office, "receipt", line, asked).endswith("did_1+0+1/")
    (letter,) = letters(office, "ann")
    assert letter.startswith("Return-Path: <>\n") and "\nSubject: success notice\n" in letter
    assert letter.endswith(f"Your Message-ID: <1@{H}>\n")


def test_qbiff_never_holds_up_a_delivery(office: Office) -> None:
    """S273; what it writes to a terminal is in tests/agents/test_biff.py."""
    assert text(office, "biff", "|qbiff\n./Maildir/\n").endswith("success: did_1+0+1/")


def test_the_programs_are_found_without_their_directory(office: Office) -> None:
    """S272: HOME/bin is in the PATH of a delivery, whatever the server's own is."""
    report = text(office, "where", "|command -v forward\n")
    assert f"success: {office.town.program('forward')}/did_0+0+1/" in report, report


def test_every_program_says_what_it_is(office: Office) -> None:
    for name in ("forward", "condredirect", "bouncesaying", "except", "preline", "qreceipt", "qbiff", "vacation"):
        page = subprocess.run([office.town.program(name), "--help"], capture_output=True, text=True, check=True).stdout
        assert page.startswith(f"{name} - ") and "\nExit status: " in page

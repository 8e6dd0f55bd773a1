"""Other people's filters in .qmail files, as docs/howto/neighbours.md has them: maildrop, bogofilter, SpamAssassin."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from tests.support.daemon import running
from tests.support.neighbours import needs, recipe
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
MAILDROP, BOGOFILTER, SPAMASSASSIN = "Filter with maildrop", "Sort out spam with bogofilter", "Sort out spam with Spam"
needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts of their own")
# Everything SpamAssassin knows of names this text; see its documentation.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n"


def folders(made: Town) -> None:
    """joe files junk, and ann gets what is bounced."""
    for part in ("", "/tmp", "/new", "/cur"):
        made.folder("joe", f"Maildir/.Junk{part}", 0o700)
    made.file("joe", ".qmail-junk", "./Maildir/.Junk/\n")


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", prepare=folders) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture(autouse=True)
def nothing_yet(office: Office) -> None:
    office.town.forget("joe")
    for name in junk(office):
        os.unlink(f"{office.town.maildir('joe')}/.Junk/new/{name}")


def junk(office: Office) -> list[str]:
    return os.listdir(f"{office.town.maildir('joe')}/.Junk/new")


def deliver(office: Office, lines: str, message: bytes, sender: str = f"ann@{H}") -> str:
    """What the log says of a message when joe's .qmail has these lines."""
    office.town.file("joe", ".qmail", lines)
    return office.deliver(f"joe@{H}", sender, message)


# -- maildrop


@needs_accounts
@needs("maildrop", "maildrop")
@pytest.mark.parametrize("line", [recipe(MAILDROP, "qmail"), "|preline -f maildrop\n"])
def test_maildrop_files_mail_into_maildirs(office: Office, line: str) -> None:
    """S276."""
    office.town.file("joe", ".mailfilter", recipe(MAILDROP, "maildrop"), 0o600)
    assert deliver(office, line, b"Subject: good\n\n.\nFrom here\n").endswith(": success: did_0+0+1/")
    assert deliver(office, line, b"X-Spam-Flag: YES\n\nbody\n").endswith(": success: did_0+0+1/")
    (good,) = office.wait_for_messages("joe", 1)
    assert good.endswith(b"Subject: good\n\n.\nFrom here\n") and not good.startswith(b"From ")
    assert good.startswith(f"Return-Path: <ann@{H}>\nDelivered-To: joe@{H}\n".encode()) == ("preline" in line)
    assert len(junk(office)) == 1


@needs_accounts
@needs("maildrop", "maildrop")
@pytest.mark.parametrize("line", ["|preline maildrop\n", "|preline -f maildrop\n"])
def test_preline_tells_maildrop_the_sender(office: Office, line: str) -> None:
    """S276."""
    rules = 'SHELL="/bin/sh"\n`echo "$FROM" >$HOME/sender`\nto "$HOME/Maildir"\n'
    office.town.file("joe", "sender", "")
    office.town.file("joe", ".mailfilter", rules, 0o600)
    assert deliver(office, line, b"Subject: x\n\n").endswith(": success: did_0+0+1/")
    assert office.town.read("joe", "sender") == f"ann@{H}\n"


@needs_accounts
@needs("maildrop", "maildrop")
@pytest.mark.parametrize(
    ("rules", "outcome"),
    [
        ('to "$HOME/absent/Maildir"\n', "deferral"),
        ("to $(\n", "deferral"),
        ("EXITCODE=75\nexit\n", "deferral"),
        ("EXITCODE=77\nexit\n", "failure"),
        ("EXITCODE=0\nexit\n", "success"),
    ],
)
def test_what_maildrop_says_is_understood(office: Office, rules: str, outcome: str) -> None:
    """S276: a full or missing mailbox and a mistake in the filter lose nothing."""
    office.town.file("joe", ".mailfilter", rules, 0o600)
    report = deliver(office, recipe(MAILDROP, "qmail"), b"Subject: x\n\nbody\n", sender="")
    assert f": {outcome}: " in report, report
    assert office.town.messages("joe") == []


@needs_accounts
@needs("maildrop", "maildrop")
def test_a_filter_that_others_may_write_is_refused_for_now(office: Office) -> None:
    """As the page says."""
    office.town.file("joe", ".mailfilter", recipe(MAILDROP, "maildrop"), 0o666)
    assert ": deferral: " in deliver(office, recipe(MAILDROP, "qmail"), b"Subject: x\n\n")


# -- bogofilter


def learn(made: Town) -> None:
    """Two pieces of spam and two of good mail, many times."""
    for option, words in (("-s", "pills casino winner lottery"), ("-n", "meeting minutes agenda budget")):
        for number in range(12):
            text = f"Subject: {words} {number}\n\n{words} today\n"
            ended = made.attempt("/usr/bin/bogofilter", option, text=text, user="joe", more=home_of_joe(made))
            assert ended.returncode == 0, ended


def home_of_joe(made: Town) -> dict[str, str]:
    return {"HOME": made.directory("joe"), "USER": "joe", "LC_ALL": "C"}


SPAM = b"Subject: casino winner\n\npills lottery casino winner pills\n"
GOOD = b"Subject: budget meeting\n\nminutes agenda budget meeting\n"


@needs("bogofilter", "bogofilter-sqlite")
def test_bogofilter_sorts_spam_out(office: Office) -> None:
    lines = recipe(BOGOFILTER, "qmail")
    # it has not learnt anything: mail waits, and is not lost
    assert ": deferral: " in deliver(office, lines, GOOD)
    learn(office.town)
    assert deliver(office, lines, GOOD).endswith(": success: did_1+0+1/")
    since = office.mark()
    assert deliver(office, lines, SPAM).endswith("did_0+0+1/")
    assert ": success: " in office.report(f"joe-junk@{H}", since)
    assert len(office.town.messages("joe")) == 1 and len(junk(office)) == 1
    more = [b"Subject: minutes\n\nagenda %d\n" % number for number in range(6)]
    with_all_at_once(office, [*more, SPAM, SPAM])
    office.wait_for_messages("joe", 7)
    office.wait_for(lambda _: len(junk(office)) == 3)


def with_all_at_once(office: Office, messages: list[bytes]) -> None:
    """Queue them from threads."""
    threads = [threading.Thread(target=office.queue, args=(f"joe@{H}", f"ann@{H}", text)) for text in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@needs_accounts
@needs("maildrop", "maildrop")
@needs("bogofilter", "bogofilter-sqlite")
def test_maildrop_runs_bogofilter(office: Office) -> None:
    learn(office.town)
    office.town.file("joe", ".mailfilter", recipe(BOGOFILTER, "maildrop"), 0o600)
    for message in (GOOD, SPAM):
        assert deliver(office, "|maildrop\n", message).endswith(": success: did_0+0+1/")
    (good,) = office.town.messages("joe")
    assert b"\nX-Bogosity: Ham" in good or b"\nX-Bogosity: Unsure" in good
    assert len(junk(office)) == 1


# -- SpamAssassin


@pytest.mark.long
@needs("spamassassin", "spamassassin")
def test_spamassassin_sorts_spam_out(office: Office) -> None:
    lines = recipe(SPAMASSASSIN, "qmail")
    letter = f"From: Ann <ann@{H}>\nTo: joe@{H}\nSubject: hello\nDate: Mon, 2 Nov 2026 10:00:00 +0000\n\n"
    assert deliver(office, lines, f"{letter}How are you?\n".encode()).endswith("did_1+0+1/")
    since = office.mark()
    assert deliver(office, lines, (letter + GTUBE).encode()).endswith("did_0+0+1/")
    assert ": success: " in office.report(f"joe-junk@{H}", since)
    (marked,) = [open_text(office, name) for name in junk(office)]
    assert GTUBE in marked and "X-Spam-Flag" not in marked


def open_text(office: Office, name: str) -> str:
    return office.town.read("joe", f"Maildir/.Junk/new/{name}")


def test_without_the_program_mail_waits(office: Office) -> None:
    """Somebody removes the package: nothing is lost or let through unseen."""
    for name, program in ((BOGOFILTER, "bogofilter"), (SPAMASSASSIN, "spamassassin")):
        assert ": deferral: " in deliver(office, recipe(name, "qmail").replace(program, "absent-filter"), GOOD)
    assert office.town.messages("joe") == []

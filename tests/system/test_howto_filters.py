"""The recipes of docs/howto/dot-qmail-programs.md do what they say."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP, running
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
ANN = f"ann@{H}"
GOOD = f"To: joe@{H}\nSubject: x\n\nbody\n"
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.M | re.S)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def recipes() -> dict[str, list[tuple[str, str]]]:
    """The blocks under each heading, with what they are."""
    with open(os.path.join(TOP, "docs/howto/dot-qmail-programs.md"), encoding="utf-8") as stream:
        text = stream.read().replace("example.org", H)
    return {title: BLOCK.findall(section) for title, section in SECTION.findall(text)}


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann") as made, running(Office(made)) as daemon:
        made.file("joe", "members", f"{ANN}\n")
        made.file("joe", ".qmail-junk", "./junk\n")
        made.file("joe", ".qmail-lists", "./lists\n")
        yield daemon


def delivered(office: Office, title: str, place: int, message: str = GOOD, sender: str = ANN, ext: str = "") -> str:
    """What the log says of a message when joe has this recipe."""
    kind, lines = recipes()[title][place]
    assert kind == "qmail"
    office.town.file("joe", f".qmail{ext}", lines)
    return office.deliver(f"joe{ext}@{H}", sender, message.encode())


def test_there_is_a_test_for_every_recipe() -> None:
    with open(__file__, encoding="utf-8") as stream:
        tests = stream.read()
    titles = list(recipes())
    assert len(titles) == 8 and [title for title in titles if f'"{title}"' not in tests] == []


def test_a_copy_goes_to_somebody_else(office: Office) -> None:
    title = "Send a copy to somebody else"
    assert ": success: " in delivered(office, title, 0)
    assert office.wait_for_messages("ann", 1)
    lines = recipes()[title][1][1]
    office.town.file("joe", ".qmail-shop-default", lines)
    since = office.mark()
    assert ": success: " in office.deliver(f"joe-shop-hats@{H}", ANN)
    office.wait_for_line(f"to local shop-hats@{H}", since)


def test_what_is_marked_goes_elsewhere(office: Office) -> None:
    title = "Sort out what a filter has marked"
    assert delivered(office, title, 0, "X-Spam-Flag: yes\n" + GOOD).endswith("did_0+0+1/")
    assert delivered(office, title, 0, GOOD + "X-Spam-Flag: yes\n").endswith("did_1+0+1/")


def test_only_what_names_joe_is_taken(office: Office) -> None:
    title = "Take only mail that names you"
    other = GOOD.replace("joe@", "list@")
    assert [delivered(office, title, place).endswith("did_1+0+1/") for place in (0, 1)] == [True, True]
    assert f"failure: Write_to_joe@{H},_please./" in delivered(office, title, 0, other, sender="")
    assert delivered(office, title, 1, other).endswith("did_0+0+1/")


def test_what_is_too_large_is_refused(office: Office) -> None:
    title = "Refuse what is too large"
    assert delivered(office, title, 0).endswith("did_1+0+1/")
    assert ": failure: Messages_of_more_than" in delivered(office, title, 0, GOOD + "x" * 102_400, sender="")


def test_only_members_write(office: Office) -> None:
    title = "Let only members write"
    assert delivered(office, title, 0, sender=ANN.upper()).endswith("did_1+0+1/")
    for sender in ("stranger@far.example", "-e", "", '";exit 0;"@x'):
        assert ": failure: This_address_is_for_members." in delivered(office, title, 0, sender=sender)


def test_who_is_away_answers(office: Office) -> None:
    title = "Say that you are away"
    office.town.forget("ann")
    office.town.file("joe", ".vacation.msg", recipes()[title][1][1])
    assert delivered(office, title, 0).endswith("did_1+0+1/")
    (answer,) = office.wait_for_messages("ann", 1)
    assert b"\nSubject: away until Monday (was: x)\n" in answer


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: procmail asks the password file for joe's home")
@pytest.mark.skipif(shutil.which("procmail") is None, reason="procmail is not here: Debian has it in procmail")
def test_procmail_delivers(office: Office) -> None:
    title = "Use procmail"
    rules = f"SHELL=/bin/sh\nMAILDIR={office.town.directory('joe')}\n"
    office.town.file("joe", ".procmailrc", f"{rules}:0:\nsorted\n")
    assert ": success: " in delivered(office, title, 0) and "\nbody\n" in office.town.read("joe", "sorted")
    office.town.file("joe", ".procmailrc", f"{rules}EXITCODE=67\n:0\n/dev/null\n")
    assert ": deferral: " in delivered(office, title, 0)
    assert ": failure: " in delivered(office, title, 1, sender="")


def test_notices_are_sent(office: Office) -> None:
    title = "Tell the sender, or yourself"
    office.town.forget("ann")
    asked = f"Notice-Requested-Upon-Delivery-To: joe@{H}\n"
    assert delivered(office, title, 0, asked + GOOD).endswith("did_1+0+2/")
    (notice,) = office.wait_for_messages("ann", 1)
    assert b"\nSubject: success notice\n" in notice

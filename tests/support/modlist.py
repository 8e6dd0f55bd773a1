"""A list with moderators, and people who write to it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.support.filterhome import FilterHome, Queued

TEXT = b"Received: from moderators.example\nFrom: tom@x.y\nSubject: hi\n\nbody\n"
ANN, TOM, EVA = "ann@x.y", "tom@x.y", "eva@x.y"


def make(directory_: Path) -> FilterHome:
    """A list with two moderators, whose owner has not said yet what for."""
    made = FilterHome(directory_)
    made.environ |= {"SENDER": ANN}
    assert made.run("ezmlm-make", "-m", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")[0] == 0
    made.run("ezmlm-sub", f"{directory(made)}/mod", TOM, EVA)
    for part in ("allow", "deny"):
        os.makedirs(f"{directory(made)}/{part}")
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def allow(place: FilterHome, *names: str) -> None:
    for name in names:
        Path(f"{directory(place)}/{name}").touch()


def write(place: FilterHome, sender: str, action: str, *options: str, text: bytes = TEXT) -> list[Queued]:
    """What the list queues when somebody writes to one of its addresses."""
    before = [letter.message for letter in place.queued]
    words = (*options, directory(place))
    status, _, errors = place.run("ezmlm-manage", *words, text=text, LOCAL=f"list-{action}", SENDER=sender)
    assert status == 0, errors
    return [letter for letter in place.queued if letter.message not in before and letter.recipients]


def asked(place: FilterHome, sender: str, action: str, *options: str, text: bytes = TEXT) -> Queued:
    """The only letter that comes of it."""
    (letter,) = write(place, sender, action, *options, text=text)
    return letter


def answer(letter: Queued) -> str:
    """The address that a letter asks to be answered to, without the list."""
    found = re.search(r"^Reply-To: list-(.*)@h\.dom$", letter.header, re.M)
    assert found is not None, letter.header
    return found[1]


def refused(place: FilterHome, sender: str, action: str, text: bytes = TEXT) -> bytes:
    status, _, errors = place.run("ezmlm-manage", directory(place), text=text, LOCAL=f"list-{action}", SENDER=sender)
    assert status == 100
    return errors


def people(place: FilterHome, part: str = "") -> list[str]:
    return place.run("ezmlm-list", f"{directory(place)}{part}")[1].decode().split()


def events(place: FilterHome, part: str = "") -> list[str]:
    return [line.split()[1] for line in Path(f"{directory(place)}{part}/Log").read_text().splitlines()]

"""Messages of authors whose domain tells receivers to refuse them, sent by ezmlm-send with a DNS server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.zone import Fault, Zone

ZONE = '_dmarc.strict.example. TXT "v=DMARC1; p=reject"\n_dmarc.lax.example. TXT "v=DMARC1; p=none"'


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(ZONE) as served:
        yield served


@pytest.fixture
def place(tmp_path: Path, zone: Zone) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"SENDER": "joe@x.y"}
    (made.home / "control").mkdir(exist_ok=True)
    (made.home / "control/nameservers").write_text(zone.nameserver + "\n")
    directory = f"{made.user}/list"
    assert made.run("ezmlm-make", directory, f"{made.user}/.qmail-list", "list", "h.dom")[0] == 0
    return made


def sent(place: FilterHome, author: str) -> str:
    text = f"From: {author}\nSubject: hi\n\nbody\n".encode()
    assert place.run("ezmlm-send", f"{place.user}/list", text=text)[0] == 0
    return place.queued[-1].header


@pytest.mark.parametrize("author", ["Ann <ann@strict.example>", "ann@mail.STRICT.example"])
def test_a_strict_authors_message_goes_out_in_the_name_of_the_list(place: FilterHome, author: str) -> None:
    header = sent(place, author)
    assert 'via list" <list@h.dom>\n' in header and f"\nFrom: {author}\n" not in header
    assert f"\nReply-To: {author}\n" in header
    assert f"\nFrom: {author}\n".encode() in Path(f"{place.user}/list/archive/0/01").read_bytes()


@pytest.mark.parametrize("author", ["ann@lax.example", "ann@nowhere.example", "ann@h.dom"])
def test_others_stay_as_they_are(place: FilterHome, zone: Zone, author: str) -> None:
    assert f"\nFrom: {author}\n" in sent(place, author)
    assert zone.asked("_dmarc.h.dom") == 0


def test_a_list_without_the_file_asks_nobody(place: FilterHome, zone: Zone) -> None:
    os.unlink(f"{place.user}/list/dmarc")
    assert "\nFrom: ann@strict.example\n" in sent(place, "ann@strict.example")
    assert not zone.queries


def test_a_sublist_sends_what_its_parent_sends(place: FilterHome) -> None:
    Path(f"{place.user}/list/sublist").write_text("big@far.example\n")
    text = b"Mailing-List: x\nFrom: ann@strict.example\n\nbody\n"
    assert place.run("ezmlm-send", f"{place.user}/list", text=text, SENDER="big-return-3-@far.example")[0] == 0
    assert "\nFrom: ann@strict.example\n" in place.queued[-1].header


def test_nobody_knows(place: FilterHome, zone: Zone) -> None:
    zone.faults[""] = Fault.SERVFAIL
    assert "\nReply-To: ann@lax.example\n" in sent(place, "ann@lax.example")

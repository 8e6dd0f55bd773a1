"""Messages that their authors confirm: ezmlm-make -y, ezmlm-store and ezmlm-confirm."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued

ANN, TOM = "ann@x.y", "tom@x.y"
TEXT = b"From: ann@x.y\nSubject: hi\n\nbody\n"


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return FilterHome(tmp_path)


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def make(place: FilterHome, *options: str) -> None:
    words = ("-y", *options, directory(place), f"{place.user}/.qmail-list", "list", "h.dom")
    assert place.run("ezmlm-make", *words) == (0, b"", b"")
    os.unlink(f"{directory(place)}/dmarc")  # no DNS here
    place.run("ezmlm-sub", directory(place), "bob@x.y")
    place.run("ezmlm-sub", directory(place), "mod", TOM)


def new(place: FilterHome, *words: str, text: bytes = TEXT, **environ: str) -> list[Queued]:
    before = [letter.message for letter in place.queued]
    status, _, errors = place.run(*words, text=text, **environ)
    assert status == (99 if words[0] == "ezmlm-confirm" else 0), errors
    return [letter for letter in place.queued if letter.message not in before]


def store(place: FilterHome, sender: str = ANN, text: bytes = TEXT) -> Queued:
    (letter,) = new(place, "ezmlm-store", directory(place), text=text, SENDER=sender)
    return letter


def address(letter: Queued) -> str:
    found = re.search(r"^Reply-To: (list-confirm-.*)@h\.dom$", letter.header, re.M)
    assert found is not None
    return found[1]


def confirm(place: FilterHome, local: str, *program: str) -> list[Queued]:
    return new(place, "ezmlm-confirm", directory(place), *program, text=b"Subject: re\n\n", LOCAL=local, SENDER=ANN)


def waiting(place: FilterHome, state: str = "unconfirmed") -> list[str]:
    return os.listdir(f"{directory(place)}/mod/{state}")


def test_a_message_is_sent_when_its_author_confirms_it(place: FilterHome) -> None:
    make(place)
    assert "/ezmlm-store' " in Path(f"{place.user}/.qmail-list").read_text()
    assert "/ezmlm-confirm' " in Path(f"{place.user}/.qmail-list-confirm-default").read_text()
    asked = store(place, text=TEXT + b"line\n" * 10_000)
    assert asked.recipients == [ANN.encode()] and len(asked.message) < 5_000 and b"\n> Subject: hi\n" in asked.body
    assert "\nSubject: Confirm your message to list@h.dom\n" in asked.header and len(waiting(place)) == 1
    (posted,) = confirm(place, address(asked))
    assert posted.recipients == [b"bob@x.y"] and posted.body.startswith(b"body\nline\n")
    assert waiting(place) == []
    ended = place.run("ezmlm-confirm", directory(place), LOCAL=address(asked), SENDER=ANN)
    assert ended[0] == 100 and b"is not there any more" in ended[2]


def test_a_message_is_discarded(place: FilterHome) -> None:
    make(place)
    assert confirm(place, address(store(place)).replace("-confirm-", "-discard-")) == []
    assert waiting(place) == []


def test_a_confirmed_message_waits_for_a_moderator(place: FilterHome) -> None:
    make(place, "-m")
    (asked,) = confirm(place, address(store(place)))
    assert asked.recipients == [TOM.encode()] and "list-accept-" in asked.header
    assert waiting(place) == [] and len(waiting(place, "pending")) == 1


@pytest.mark.parametrize(("sender", "is_known"), [("bob@x.y", True), (ANN, False)])
def test_a_program_gets_it(place: FilterHome, sender: str, is_known: bool) -> None:
    make(place, "-mu")
    line = Path(f"{directory(place)}/confirmer").read_text().splitlines()[0]
    words = line.replace("'", "").split()
    assert [os.path.basename(word) for word in words[:4]] == ["ezmlm-confirm", "list", "ezmlm-gate", "-Y"]
    (letter,) = confirm(place, address(store(place, sender)), *words[2:])
    assert letter.recipients == ([b"bob@x.y"] if is_known else [TOM.encode()])


@pytest.mark.parametrize(("program", "status"), [("exit 100", 100), ("exit 1", 111), ("/no/program here", 111)])
def test_a_program_that_fails_leaves_the_message(place: FilterHome, program: str, status: int) -> None:
    make(place)
    local = address(store(place))
    assert place.run("ezmlm-confirm", directory(place), program, LOCAL=local, SENDER=ANN)[0] == status
    assert len(waiting(place)) == 1 and len(confirm(place, local)) == 1


def test_nobody_else_confirms(place: FilterHome) -> None:
    make(place, "-m")
    good = address(store(place))
    for local, status in ((good[:-1] + "q", 100), (good.replace("-confirm-", "-accept-"), 0), ("list-help", 0)):
        assert place.run("ezmlm-confirm", directory(place), LOCAL=local, SENDER=TOM)[0] == status
    accept = good.replace("-confirm-", "-accept-")
    assert place.run("ezmlm-moderate", directory(place), LOCAL=accept, SENDER=TOM)[0] == 100
    assert len(waiting(place)) == 1 and len(place.queued) == 1


def test_what_is_not_kept(place: FilterHome) -> None:
    make(place)
    for sender, text in (("", TEXT), ("odd", TEXT), (ANN, b"Mailing-List: x\n\n"), (ANN, b"x: y\n" * 300_000)):
        assert place.run("ezmlm-store", directory(place), text=text, SENDER=sender)[0] == 100
    again = b"Delivered-To: confirmer for list@h.dom\n" + TEXT
    assert place.run("ezmlm-store", directory(place), text=again, SENDER=ANN)[0] == 100
    place.refuse(53)
    assert place.run("ezmlm-store", directory(place), text=TEXT, SENDER=ANN)[0] == 111
    assert waiting(place) == [] and place.queued == []


def test_what_nobody_confirms_goes_without_a_word(place: FilterHome) -> None:
    make(place)
    store(place, "bob@x.y")
    (name,) = waiting(place)
    folder = f"{directory(place)}/mod/unconfirmed"
    os.rename(f"{folder}/{name}", f"{folder}/{int(time.time()) - 121 * 3600}.7")
    assert new(place, "ezmlm-clean", directory(place)) == [] and waiting(place) == []


def test_authors_of_rejected_messages_are_told_if_that_is_wanted(place: FilterHome) -> None:
    make(place, "-m")
    old = int(time.time()) - 121 * 3600
    for number, (words, is_told) in enumerate(((("-R",), False), ((), True), (("-R", "-r"), True))):
        new(place, "ezmlm-store", "-Y", directory(place), SENDER="bob@x.y", text=TEXT + b"%d" % number)
        (name,) = waiting(place, "pending")
        folder = f"{directory(place)}/mod/pending"
        os.rename(f"{folder}/{name}", f"{folder}/{old}.{number}")
        assert len(new(place, "ezmlm-clean", *words, directory(place))) == is_told
    Path(f"{directory(place)}/noreturnposts").touch()
    new(place, "ezmlm-store", "-Y", directory(place), SENDER="bob@x.y", text=TEXT + b"x")
    (name,) = waiting(place, "pending")
    os.rename(f"{folder}/{name}", f"{folder}/{old}.9")
    assert new(place, "ezmlm-clean", directory(place)) == [] and waiting(place, "pending") == []


def test_options_decide_before_files(place: FilterHome) -> None:
    make(place)
    (posted,) = new(place, "ezmlm-store", "-Y", directory(place), SENDER=ANN)
    assert posted.recipients == [b"bob@x.y"]
    os.unlink(f"{directory(place)}/confirmpost")
    (asked,) = new(place, "ezmlm-store", "-y", directory(place), SENDER=ANN)
    assert asked.recipients == [ANN.encode()]
    Path(f"{directory(place)}/modpost").touch()
    assert place.run("ezmlm-store", "-P", directory(place), text=TEXT, SENDER=ANN)[0] == 100
    Path(f"{directory(place)}/modpostonly").touch()
    assert len(new(place, "ezmlm-gate", "-p", directory(place), "mod", SENDER=ANN)) == 1

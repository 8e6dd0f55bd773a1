"""What the switches of ezmlm-make make, and what the list does then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.listmaking import files, make, programs

TEXT = b"From: joe@x.y\nSubject: hi\n\nbody\n"
MARKS = {
    "b": "modgetonly",
    "g": "subgetonly",
    "h": "nosubconfirm",
    "j": "nounsubconfirm",
    "l": "modcanlist",
    "n": "modcanedit",
    "o": "modpostonly",
    "r": "remote",
    "s": "modsub",
    "u": "subpostonly",
    "y": "confirmpost",
    "f": "prefix",
    "t": "text/trailer",
}


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return FilterHome(tmp_path)


def post(place: FilterHome, directory: Path, sender: str) -> int:
    """What qmail-local makes of the editor when somebody writes: the exit status of the first program that fails."""
    for line in (directory / "editor").read_text().splitlines():
        words = line.removeprefix("|").replace("'", "").removesuffix(" || exit 0").split()
        status = place.run(os.path.basename(words[0]), *words[1:], text=TEXT, SENDER=sender)[0]
        if status:
            return status
    return 0


def test_every_switch_is_a_file(place: FilterHome) -> None:
    usual = files(make(place))
    assert not usual & set(MARKS.values())
    for letter, name in MARKS.items():
        assert name in files(make(place, f"-{letter}", name=f"on{letter}"))
        assert name not in files(make(place, f"-{letter}{letter.upper()}", name=f"off{letter}"))
        assert name in files(make(place, f"-{letter.upper()}", f"-{letter}", name=f"again{letter}"))
    assert files(make(place, "-qQwWkK", name="nothing")) == usual


def test_a_list_that_is_administered_by_mail(place: FilterHome) -> None:
    directory = make(place, "-rsln")
    assert {"mod/subscribers", "allow/subscribers", "deny/subscribers"} <= files(directory)
    assert "mod/pending" not in files(directory) and not os.path.lexists(f"{place.user}/.qmail-list-accept-default")
    assert programs(directory) == ["reject", "checksub -n DIR deny", "send DIR", "warn DIR"]
    place.run("ezmlm-sub", f"{directory}/mod", "tom@x.y")
    place.run("ezmlm-manage", str(directory), LOCAL="list-subscribe-ann=x.y", SENDER="tom@x.y")
    (letter,) = place.queued
    assert letter.recipients == [b"tom@x.y"] and "\nReply-To: list-rc." in letter.header


def test_a_list_for_its_subscribers(place: FilterHome) -> None:
    directory = make(place, "-u")
    os.unlink(directory / "dmarc")  # no DNS here
    assert programs(directory)[1:4] == ["checksub -n DIR deny", "checksub DIR . digest allow mod", "send DIR"]
    place.run("ezmlm-sub", str(directory), "ann@x.y")
    place.run("ezmlm-sub", f"{directory}/allow", "bob@x.y")
    assert [post(place, directory, sender) for sender in ("ANN@x.y", "bob@x.y", "carl@x.y", "odd")] == [0, 0, 100, 100]
    place.run("ezmlm-sub", f"{directory}/deny", "ann@x.y")
    assert post(place, directory, "ann@x.y") == 100


def test_a_list_for_its_subscribers_and_for_others_with_a_moderator(place: FilterHome) -> None:
    directory = make(place, "-mu")
    assert "gate DIR . digest allow mod" in programs(directory) and "store DIR" not in programs(directory)


def test_a_list_for_its_moderators(place: FilterHome) -> None:
    directory = make(place, "-mo")
    place.run("ezmlm-sub", f"{directory}/mod", "tom@x.y")
    assert [post(place, directory, sender) for sender in ("tom@x.y", "ann@x.y")] == [0, 100]
    assert len(place.queued) == 1


def test_who_is_refused_is_told_why(place: FilterHome) -> None:
    directory = make(place, "-u")
    status, _, errors = place.run("ezmlm-checksub", str(directory), SENDER="ann@x.y")
    assert status == 100 and b"only subscribers may write here" in errors and b"list-owner@h.dom (#5.7.2)" in errors
    assert place.run("ezmlm-checksub", "-n", str(directory), "deny", "nothing", SENDER="ann@x.y") == (0, b"", b"")
    place.run("ezmlm-sub", f"{directory}/deny", "ann@x.y")
    for words, text in (((), b"your messages are not wanted here"), (("-m", "Go away"), b": Go away (#5.7.2)")):
        status, _, errors = place.run("ezmlm-checksub", "-n", *words, str(directory), "deny", SENDER="ann@x.y")
        assert status == 100 and text in errors
    assert place.run("ezmlm-checksub", "-nN", str(directory), SENDER="Ann@x.y")[0] == 100
    assert place.run("ezmlm-checksub", "-n", str(directory), SENDER="")[0] == 0
    assert place.run("ezmlm-checksub", str(directory), SENDER=None)[0] == 100


def test_moderators_and_the_owner_elsewhere(place: FilterHome) -> None:
    directory = make(place, "-msr", "-7", "/m7", "-8", "/m8", "-9", "m9", "-5", "joe@x.y")
    assert [(directory / name).read_text() for name in ("modpost", "modsub", "remote")] == ["/m7\n", "/m8\n", ""]
    assert (directory / "owner").read_text().startswith("joe@x.y\n|")
    words = ("-5", "joe@x.y\n|rm", f"{place.user}/new", f"{place.user}/.qmail-new", "n", "h")
    assert place.run("ezmlm-make", *words)[0] == 100 and not os.path.exists(f"{place.user}/new")


def test_what_is_put_into_messages(place: FilterHome) -> None:
    directory = make(place, "-ft")
    assert (directory / "prefix").read_text() == "[list]\n"
    assert "list-unsubscribe@h.dom" in (directory / "text/trailer").read_text()

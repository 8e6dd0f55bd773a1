"""What people get from a list's archive, and the programs for it."""

from __future__ import annotations

import os
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome, Queued


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    made = FilterHome(tmp_path)
    made.environ |= {"LOCAL": "list", "HOST": "h.dom", "SENDER": "joe@x.y"}
    made.run("ezmlm-make", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")
    made.run("ezmlm-sub", directory(made), "joe@x.y")
    keep(made, 1, 7)
    return made


def directory(place: FilterHome) -> str:
    return f"{place.user}/list"


def keep(place: FilterHome, first: int, last: int) -> None:
    """Messages as ezmlm-send keeps them."""
    for number in range(first, last + 1):
        path = Path(f"{directory(place)}/archive/{number // 100}/{number % 100:02d}")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"Subject: Re: topic {number}\nFrom: Ann <ann@x.y>\n\n--x\nbody {number}".encode())
        path.chmod(0o744)
    Path(f"{directory(place)}/num").write_text(f"{last}:{last}\n")


def ask(place: FilterHome, action: str, program: str = "ezmlm-manage", *words: str, sender: str = "joe@x.y") -> Queued:
    """The answer to a command."""
    before = [letter.message for letter in place.queued]
    status, _, errors = place.run(program, *words, directory(place), LOCAL=f"list-{action}", SENDER=sender)
    assert status == (99 if program == "ezmlm-get" else 0) and b"info: qp " in errors
    (letter,) = [letter for letter in place.queued if letter.message not in before]
    return letter


def refused(place: FilterHome, action: str, program: str = "ezmlm-manage", *words: str) -> None:
    """A stranger gets nothing."""
    status, _, errors = place.run(program, *words, directory(place), LOCAL=f"list-{action}", SENDER="tom@x.y")
    assert (status, errors) == (99 * (program == "ezmlm-get"), program.encode() + b": info: not answered\n")
    assert place.queued == []


@pytest.mark.parametrize("program", ["ezmlm-manage", "ezmlm-get"])
def test_messages_in_a_row_are_parts_of_one_letter(place: FilterHome, program: str) -> None:
    os.chmod(f"{directory(place)}/archive/0/04", 0o644)  # not complete
    letter = ask(place, "get.3_6", program)
    assert letter.recipients == [b"joe@x.y"]
    text, *messages = message_from_bytes(letter.message).get_payload()
    assert [part.get_content_type() for part in messages] == 3 * ["message/rfc822"]
    inner = [part.get_payload()[0] for part in messages]
    assert [(one["Subject"], one.get_payload()) for one in inner] == [
        (f"Re: topic {number}", f"--x\nbody {number}") for number in (3, 5, 6)
    ]
    assert "This is the program" in text.get_payload() and "Return-Path: <joe@x.y>" in text.get_payload()


def test_an_answer_has_its_limits(place: FilterHome) -> None:
    keep(place, 1, 230)
    parts = message_from_bytes(ask(place, "get.2_999999999").message).get_payload()
    assert len(parts) - 1 == 100 and parts[1].get_payload()[0]["Subject"] == "Re: topic 2"
    for number in (2, 3):
        with open(f"{directory(place)}/archive/0/{number:02d}", "ab") as stream:
            stream.write(b"x" * (3 << 20))
    assert len(message_from_bytes(ask(place, "get.2_9").message).get_payload()) - 1 == 1


@pytest.mark.parametrize("action", ["get.99", "index.800", "get.0", "thread.99"])
def test_what_is_not_there(place: FilterHome, action: str) -> None:
    assert b"There is no such message in the archive." in ask(place, action).body


@pytest.mark.parametrize("has_index", [False, True])
def test_the_index(place: FilterHome, has_index: bool) -> None:
    keep(place, 1, 205)
    if has_index:
        assert place.run("ezmlm-idx", directory(place)) == (0, b"", b"")
    latest, first = ask(place, "index").body, ask(place, "index.3").body
    assert b"\n105: Re: topic 105\n\tAnn\n" in latest and b"\n205: " in latest and b"\n3: " not in latest
    assert b"\n3: Re: topic 3\n\tAnn\n" in first and first.count(b"topic") == 99


def test_the_index_is_made_for_messages_that_are_there(place: FilterHome) -> None:
    keep(place, 1, 205)
    index = Path(f"{directory(place)}/archive/0/index")
    index.write_text("old\n")
    assert place.run("ezmlm-idx", "-f", "100", "-t", "199", directory(place)) == (0, b"", b"")
    assert index.read_text() == "old\n" and not os.path.exists(f"{directory(place)}/archive/2/index")
    assert Path(f"{directory(place)}/archive/1/index").read_bytes().count(b"\n") == 200
    assert place.run("ezmlm-idx", directory(place)) == (0, b"", b"")
    assert index.read_bytes().startswith(b"1: ") and index.read_bytes().count(b"\n") == 198
    os.unlink(f"{directory(place)}/dmarc")  # no DNS here
    place.run("ezmlm-send", directory(place), text=b"Subject: new\nFrom: joe@x.y\n\nx\n")
    latest = ask(place, "index").body
    assert b"\n205: Re: topic 205\n" in latest and b"\n206: new\n\tjoe.x.y\n" in latest


def test_the_index_may_have_the_dates_of_the_authors(place: FilterHome) -> None:
    path = Path(f"{directory(place)}/archive/0/01")
    dates = "Received: x; 2 Feb 2022 00:00:00 -0000\nDate: Thu, 1 Jan 2015 10:00:00 +0100\n"
    path.write_text(dates + path.read_text())
    for flag, date in (("-d", "1 Jan 2015 10:00:00 +0100"), ("-D", "2 Feb 2022 00:00:00 -0000"), ("-Dd", "1 Jan 2015")):
        assert place.run("ezmlm-idx", flag, directory(place)) == (0, b"", b"")
        assert Path(f"{directory(place)}/archive/0/index").read_text().split("\n")[1].startswith("\t" + date)


def test_a_posting_can_say_where_it_is_in_the_archive(place: FilterHome) -> None:
    os.unlink(f"{directory(place)}/dmarc")  # no DNS here
    Path(f"{directory(place)}/headeradd").write_text("Archived-At: <https://h.dom/<#l#>/msg/<#n#>.html>\n")
    Path(f"{directory(place)}/text/trailer").write_text("-- \nNumber <#n#>\n")
    for number in (8, 9):
        place.run("ezmlm-send", directory(place), text=b"Subject: <#n#>\nFrom: joe@x.y\n\n<#n#>\n")
        (letter,) = [one.message for one in place.queued if b"-- \nNumber %d\n" % number in one.message]
        assert b"\nArchived-At: <https://h.dom/list/msg/%d.html>\n" % number in letter
        assert b"\nSubject: <#n#>\n" in letter and b"\n\n<#n#>\n" in letter


def test_strangers_get_single_messages_only(place: FilterHome) -> None:
    refused(place, "get.1_5")
    refused(place, "get.1_5", "ezmlm-get")
    refused(place, "get.1", "ezmlm-get", "-s")
    refused(place, "index", "ezmlm-get", "-s")
    assert b"> body 1" in ask(place, "get.1", "ezmlm-get", sender="tom@x.y").body
    assert b"> body 1" in ask(place, "get.1", "ezmlm-get", "-s").body


@pytest.mark.parametrize("action", ["help", "subscribe", "nonsense", "", "get.x", "get.1_", "thread", "sc.1.x-a=b"])
def test_other_commands_are_left_to_ezmlm_manage(place: FilterHome, action: str) -> None:
    ended = place.run("ezmlm-get", directory(place), LOCAL=f"list-{action}")
    assert ended == (0, b"", b"") and place.queued == []


def test_a_list_that_is_not_public_gives_nothing(place: FilterHome) -> None:
    os.unlink(f"{directory(place)}/public")
    assert place.run("ezmlm-get", directory(place), LOCAL="list-get.1")[0] == 100
    assert place.run("ezmlm-get", directory(place), LOCAL="other-get.1")[0] == 100

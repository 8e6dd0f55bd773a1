"""A list lived through on a running server, with nothing but mail and one click: from its making to who is left."""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import NamedTuple

import pytest

from tests.support.daemon import free_port, running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
PEOPLE = ("ann", "tom", "eva", "max", "ida")
LINK = re.compile(r"<https://lists\.example(/leave/[^>]*)>")
TWELVE_DAYS = 110  # in the names of directories of bounces


class Place(NamedTuple):
    """A server with a web service."""

    office: Office
    port: int


@pytest.fixture
def place() -> Iterator[Place]:
    port = free_port()

    def prepare(made: Town) -> None:
        made.write("control/unsubscribeurl", "https://lists.example/leave\n")
        made.write("control/listenhttp", f"tcp:{port}:interface=127.0.0.1\n")

    with town("joe", *PEOPLE, prepare=prepare) as made, running(Office(made)) as office:
        yield Place(office, port)


def shell(office: Office, text: str) -> str:
    home, made = office.town.directory("joe"), office.town
    script = f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}"
    return made.run("/bin/sh", "-c", script, user="joe")


def write(office: Office, who: str, action: str = "", text: bytes = b"Subject: x\n\n") -> None:
    assert "success" in office.deliver(f"joe-life{action}@{H}", f"{who}@{H}", text)


def letter(office: Office, who: str) -> Message:
    (text,) = office.wait_for_messages(who, 1)
    office.town.forget(who)
    return message_from_bytes(text)


def confirmed(office: Office, who: str, action: str) -> Message:
    """Somebody asks for something and confirms it; what the list says then."""
    write(office, who, action)
    assert "success" in office.deliver(letter(office, who)["Reply-To"], f"{who}@{H}")
    return letter(office, who)


def post(office: Office, author: str, subject: str, readers: tuple[str, ...]) -> dict[str, Message]:
    text = f"From: {author}@{H}\nSubject: {subject}\n\nabout {subject}\n"
    write(office, author, "", text.encode())
    return {who: letter(office, who) for who in readers}


def subscribers(office: Office, part: str = "") -> set[str]:
    return {line.partition("@")[0] for line in shell(office, f"ezmlm-list ~/life {part}").split()}


def let_time_pass(office: Office, kind: str) -> None:
    """Twelve days for what has come back of a kind; then somebody writes to the list."""
    top = f"{office.town.directory('joe')}/life/bounce/d"
    wait_until(lambda: any(name[0] == kind for _, _, names in os.walk(top) for name in names))
    wait_until(lambda: office.log[-1].startswith("end msg"))
    for name in os.listdir(top):
        os.rename(f"{top}/{name}", f"{top}/{int(name) - TWELVE_DAYS}")
    write(office, "tom", "-help")
    letter(office, "tom")


def click(place: Place, message: Message) -> None:
    """What a mail program does when somebody presses its button for leaving."""
    link = LINK.search(str(message["List-Unsubscribe"]))
    assert link is not None and message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=30)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", link[1], "List-Unsubscribe=One-Click", form)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_list_from_its_making_to_who_is_left(place: Place) -> None:
    """S284, S286, S287."""
    office, made = place.office, place.office.town
    shell(office, f"ezmlm-make -d ~/life ~/.qmail-life joe-life {H}; rm ~/life/dmarc; echo 3 > ~/life/digcount")
    for who in PEOPLE:
        assert "WELCOME" in confirmed(office, who, "-subscribe")["Subject"]
    assert subscribers(office) == set(PEOPLE)
    assert "WELCOME" in confirmed(office, "joe", "-digest-subscribe")["Subject"]
    for author, subject in (("ann", "cats"), ("tom", "dogs"), ("eva", "Re: cats")):
        copies = post(office, author, subject, PEOPLE)
    digest = letter(office, "joe")
    assert [part.get_payload()[0]["Subject"] for part in digest.get_payload()[1:]] == ["cats", "Re: cats", "dogs"]

    click(place, digest)
    wait_until(lambda: subscribers(office, "digest") == set())
    assert f"GOODBYE from joe-life-digest@{H}" in letter(office, "joe")["Subject"]

    write(office, "ida", "-thread.1")
    found = [part.get_payload()[0].get_payload() for part in letter(office, "ida").get_payload()[1:]]
    assert found == ["about cats\n", "about Re: cats\n"]

    made.file("max", ".qmail", "|bouncesaying 'no such person'\n")
    post(office, "ann", "mice", ("ann", "tom", "eva", "ida"))
    let_time_pass(office, "d")  # the warning goes out, and comes back
    assert subscribers(office) == set(PEOPLE)
    let_time_pass(office, "w")  # so does the probe
    wait_until(lambda: subscribers(office) == set(PEOPLE) - {"max"})

    click(place, copies["eva"])
    wait_until(lambda: subscribers(office) == {"ann", "tom", "ida"})
    letter(office, "eva")

    assert "GOODBYE" in confirmed(office, "ida", "-unsubscribe")["Subject"]
    post(office, "tom", "the end", ("ann", "tom"))
    events = [line.split()[1:] for line in made.read("joe", "life/Log").splitlines()]
    assert [event for event, *_ in events] == ["+"] * 5 + ["-probe", "-oneclick", "-"]
    assert [address for _, address in events[5:]] == [f"{who}@{H}" for who in ("max", "eva", "ida")]

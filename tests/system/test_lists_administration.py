"""Moderators who look after a list by mail, on a running server: the way of docs/howto/mailing-lists.md."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

import pytest

from tests.support.daemon import TOP, running
from tests.support.town import Office, town

pytestmark = pytest.mark.system

H = "test.example"
ANN, EVE, JOE, TOM = (f"{user}@{H}" for user in ("ann", "eve", "joe", "tom"))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def shown(heading: str, kind: str) -> list[str]:
    """The commands, or the lines for files, that the document shows under a heading."""
    with open(os.path.join(TOP, "docs/howto/mailing-lists.md"), encoding="utf-8") as stream:
        text = stream.read().replace("example.org", H)
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = [block for name, block in BLOCK.findall(part) if name == kind]
    assert found, heading
    return found


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", "eve", "tom") as made, running(Office(made)) as daemon:
        shell(daemon, shown("Moderators who decide about who joins", "sh")[0])
        shell(daemon, f"rm ~/club/dmarc; ezmlm-sub ~/club/mod {TOM}")
        yield daemon


def shell(office: Office, text: str) -> str:
    """Let joe do this."""
    home, made = office.town.directory("joe"), office.town
    script = f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}"
    return made.run("/bin/sh", "-c", script, user="joe")


def write(office: Office, sender: str, action: str, text: bytes = b"Subject: x\n\nbody\n", name: str = "club") -> str:
    """Somebody writes to one of the list's addresses; how that was delivered."""
    return office.deliver(f"joe-{name}{action}@{H}", sender, text)


def letter(office: Office, user: str) -> Message:
    """The only letter that somebody has; then their maildir is empty."""
    (text,) = office.wait_for_messages(user, 1)
    office.town.forget(user)
    return message_from_bytes(text)


def body(message: Message) -> str:
    data = message.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data.decode()


def confirm(office: Office, user: str, asked: Message) -> None:
    """Somebody answers a letter of the list."""
    assert "success" in office.deliver(asked["Reply-To"], f"{user}@{H}")


def people(office: Office, part: str = "") -> list[str]:
    return shell(office, f"ezmlm-list ~/club{part}").split()


def test_a_moderator_lets_somebody_in(office: Office) -> None:
    write(office, ANN, "-subscribe")
    confirm(office, "ann", letter(office, "ann"))
    asked = [letter(office, user) for user in ("joe", "tom")]
    assert {one["Subject"] for one in asked} == {f"CONFIRM subscribe to joe-club@{H}"} and people(office) == []
    confirm(office, "tom", asked[1])
    welcome = letter(office, "ann")
    assert welcome["Subject"] == f"WELCOME to joe-club@{H}" and TOM not in welcome.as_string()
    assert people(office) == [ANN]
    confirm(office, "joe", asked[0])  # too late: nobody hears of it
    write(office, ANN, "-unsubscribe")
    confirm(office, "ann", letter(office, "ann"))
    assert letter(office, "ann")["Subject"].startswith("GOODBYE") and people(office) == []


def test_a_moderator_puts_somebody_on_the_list_and_takes_them_off(office: Office) -> None:
    for action, subject in (("subscribe", "WELCOME"), ("unsubscribe", "GOODBYE")):
        write(office, JOE, f"-{action}-ann={H}")
        confirm(office, "joe", letter(office, "joe"))
        assert letter(office, "ann")["Subject"].startswith(subject)
        assert people(office) == ([ANN] if action == "subscribe" else [])
    write(office, JOE, "-log.mod_ann")
    assert "mod ann@" in body(letter(office, "joe"))


def test_whoever_forges_a_moderator_reaches_nothing(office: Office) -> None:
    """The confirmation goes to the moderator, and what there is to read as well."""
    write(office, TOM, f"-subscribe-eve={H}")
    asked = letter(office, "tom")
    forged = asked["Reply-To"].replace("-rc.", "-tc.")
    assert "failure" in office.deliver(forged, EVE) and people(office) == []
    assert "not_answered" in write(office, EVE, "-list") and "not_answered" in write(office, EVE, "-edit.info")
    assert "success" in write(office, EVE, f"-list-tom={H}")
    assert letter(office, "tom")["To"] == TOM
    assert b"I do not know this address" in letter(office, "eve").as_bytes()  # and nothing else


def test_who_may_not_write(office: Office) -> None:
    before = office.town.read("joe", "club/editor")
    write(office, JOE, f"-deny-subscribe-eve={H}")
    confirm(office, "joe", letter(office, "joe"))
    assert people(office, "/deny") == [EVE]
    said = write(office, EVE, "")
    assert "failure" in said and "not_wanted_here" in said
    shell(office, f"ezmlm-sub ~/club {ANN}; ezmlm-sub ~/club/allow {EVE}; ezmlm-unsub ~/club/deny {EVE}")
    lines = shown("Who may write", "qmail")
    office.town.file("joe", "club/editor", "".join(lines) + before)
    assert "failure" in write(office, f"nobody@{H}", "")
    shell(office, f"ezmlm-sub ~/club/deny tom@{H}")
    assert "failure" in write(office, TOM, "")
    assert "not wanted here" in body(letter(office, "tom"))
    shell(office, f"ezmlm-unsub ~/club/deny tom@{H}")
    for sender in (ANN, EVE, TOM):
        assert "success" in write(office, sender, "")
        assert letter(office, "ann")["Subject"] == "x"
    office.town.file("joe", "club/editor", before)
    shell(office, f"ezmlm-unsub ~/club {ANN}")


def test_a_text_is_changed_by_mail(office: Office) -> None:
    write(office, JOE, "-edit")
    assert "\nsub_ok " in body(letter(office, "joe"))
    write(office, JOE, "-edit.info")
    asked = letter(office, "joe")
    text = body(asked).partition("\n\n---")[0].replace("Nobody has written yet what this list is about.", "Chess.")
    quoted = "".join([f"> {line}\n" for line in text.split("\n")])
    assert "success" in office.deliver(asked["Reply-To"], JOE, f"Subject: re\n\n{quoted}".encode())
    assert letter(office, "joe")["Subject"].startswith("Changed info of")
    write(office, ANN, "-info")
    assert "\nChess.\n" in body(letter(office, "ann"))
    assert "failure" in office.deliver(asked["Reply-To"], JOE, f"Subject: re\n\n{quoted}".encode().replace(b"C", b"c"))


def test_a_list_in_another_language(office: Office) -> None:
    heading = "Lists in other languages"
    shell(office, shown(heading, "sh")[0])
    office.town.file("joe", "freunde/text/messages", shown(heading, "text")[0])
    write(office, ANN, "-subscribe", name="freunde")
    asked = letter(office, "ann")
    assert str(make_header(decode_header(asked["Subject"]))).startswith("Bitte bestätigen: joe-freunde@")
    assert "Wenn Sie das möchten, antworten Sie auf diese Nachricht" in body(asked)
    confirm(office, "ann", asked)
    welcome = letter(office, "ann")
    assert welcome["Subject"] == "Servus bei joe-freunde" and "Willkommen! Diese Adresse steht jetzt" in body(welcome)


def test_what_else_people_write(office: Office) -> None:
    """The rows of the table that are for everybody."""
    shell(office, f"ezmlm-make -y ~/chess ~/.qmail-chess joe-chess {H}; rm ~/chess/dmarc; ezmlm-sub ~/chess {TOM}")
    write(office, TOM, "-query", name="chess")
    assert "on the list already" in body(letter(office, "tom"))
    write(office, ANN, "-faq", name="chess")
    assert "frequent questions" in body(letter(office, "ann"))
    write(office, ANN, "-request", b"Subject: subscribe\n\n", name="chess")
    confirm(office, "ann", letter(office, "ann"))
    assert letter(office, "ann")["Subject"].startswith("WELCOME")
    shell(office, f"ezmlm-unsub ~/chess {ANN}")
    write(office, ANN, "", b"Subject: e4\n\ne5\n", name="chess")
    confirm(office, "ann", letter(office, "ann"))
    assert letter(office, "tom")["Subject"] == "e4"

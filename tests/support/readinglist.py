"""A list with digests, its archive, and what ezmlm-get makes of it."""

from __future__ import annotations

import os
from email import message_from_bytes
from email.message import Message
from pathlib import Path

from tests.support.filterhome import FilterHome, Queued


def reading_list(tmp_path: Path) -> FilterHome:
    """The list list@h.dom, to which joe is subscribed, and ann to its digest."""
    made = FilterHome(tmp_path)
    made.environ |= {"LOCAL": "list", "HOST": "h.dom", "SENDER": "joe@x.y"}
    made.run("ezmlm-make", directory(made), f"{made.user}/.qmail-list", "list", "h.dom")
    os.makedirs(f"{directory(made)}/digest/subscribers")
    made.run("ezmlm-sub", directory(made), "joe@x.y")
    made.run("ezmlm-sub", f"{directory(made)}/digest", "ann@x.y")
    return made


def directory(place: FilterHome) -> str:
    """The list's directory."""
    return f"{place.user}/list"


def post(place: FilterHome, *subjects: str, more: str = "", body: str = "") -> None:
    """Messages as ezmlm-send keeps them."""
    last = int(read(place, "num").split(":")[0])
    for number, subject in enumerate(subjects, last + 1):
        path = Path(f"{directory(place)}/archive/{number // 100}/{number % 100:02d}")
        path.parent.mkdir(exist_ok=True)
        text = f"Subject: {subject}\nFrom: Ann <ann@x.y>\nX-Secret: x\n{more}\n{body or f'body {number}'}"
        path.write_bytes(text.encode("latin-1"))
        path.chmod(0o744)
        write(place, "num", f"{number}:{number}\n")


def write(place: FilterHome, name: str, text: str) -> None:
    """Write one of its files."""
    Path(f"{directory(place)}/{name}").write_text(text)


def read(place: FilterHome, name: str) -> str:
    """One of its files."""
    return Path(f"{directory(place)}/{name}").read_text()


def news(place: FilterHome, *words: str, text: bytes = b"", expected: int = 0, **changes: str | None) -> Queued:
    """What ezmlm-get queues."""
    before = [letter.message for letter in place.queued]
    ended = place.run("ezmlm-get", *words, directory(place), text=text, **changes)
    assert ended[0] == expected and b"ezmlm-get: info: qp " in ended[2], ended
    (letter,) = [letter for letter in place.queued if letter.message not in before]
    return letter


def ask(place: FilterHome, action: str, *words: str, sender: str = "joe@x.y") -> Queued:
    """The answer to a command."""
    return news(place, *words, LOCAL=f"list-{action}", SENDER=sender, expected=99, text=b"Subject: x\n\nplease\n")


def parts(letter: Queued) -> tuple[str, list[Message]]:
    """The text before the messages, and the messages."""
    first, *others = message_from_bytes(letter.message).get_payload()
    assert all(part.get_content_type() == "message/rfc822" for part in others)
    return first.get_payload(decode=True).decode(), [part.get_payload()[0] for part in others]


def bodies(letter: Queued) -> list[str]:
    """The bodies of the messages in a letter."""
    return [message.get_payload() for message in parts(letter)[1]]

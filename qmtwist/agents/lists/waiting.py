"""What messages have in common that wait for somebody: a moderator, or their author."""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator
from qmtwist.rules.lists.answer import List
from qmtwist.store.lists.directory import ListDirectory

from .incoming import Incoming


def list_of(place: ListDirectory) -> List:
    """How the list names itself.

    :raises Temporary: that cannot be read.
    """
    return List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))


def marked(incoming: Incoming, sender: bytes, mark: bytes) -> Iterator[bytes]:
    """The message as it waits."""
    yield b"Return-Path: <%s>\nDelivered-To: %s\n" % (sender.replace(b"\n", b"_"), mark)
    yield b"".join([field.raw for field in incoming.fields])
    yield from incoming.rest()

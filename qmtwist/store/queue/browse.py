"""One message's files read for people: what qmail-qread shows."""

from __future__ import annotations

import os

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Iterator
from qmtwist.store import durable
from qmtwist.wire.queuelist import ListedRecipient, listing

from .layout import CHANNELS, Layout


def paragraph(layout: Layout, number: int) -> bytes | None:
    """The message as qmail-qread prints it; None if it has left the queue meanwhile.

    :raises OSError: a file that must be there cannot be read; `filename` tells which.
    """
    try:
        descriptor = os.open(layout.info(number), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb", buffering=0) as info:
        birth = int(os.fstat(descriptor).st_mtime)
        sender = info.readall().removeprefix(b"F").partition(b"\0")[0]
    size = os.stat(layout.mess(number)).st_size
    is_bouncing = os.path.exists(layout.bounce(number))
    return listing(number, birth, size, sender, is_bouncing, _recipients(layout, number))


def _recipients(layout: Layout, number: int) -> Iterator[ListedRecipient]:
    """All recipients still on file, local ones first; the record after the last NUL is being written."""
    for channel in CHANNELS:
        data = b""
        with suppress(FileNotFoundError):
            data = durable.read(layout.channel(channel, number))
        for record in data.split(b"\0")[:-1]:
            yield ListedRecipient(channel.encode(), record[:1] == b"D", record[1:])

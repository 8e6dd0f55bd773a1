"""What somebody gets from a list's archive: messages in a row, and what there is."""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator
from qmtwist.rules.lists.entries import index_entry
from qmtwist.rules.lists.heading import cut
from qmtwist.store.lists.archive import index, kept
from qmtwist.store.lists.directory import ListDirectory

MESSAGES = 100  # in one answer
_ALL_BYTES = 4 << 20  # of all messages in one answer
_HEADER_BYTES = 1 << 16  # that are looked at for an index


def messages(directory: str, first: int, last: int) -> Iterator[bytes]:
    """The messages of this row that there are, as many as fit into one answer.

    :raises Temporary: one cannot be read.
    """
    room = _ALL_BYTES
    for number in range(first, min(last, first + MESSAGES - 1) + 1):
        text = kept(directory, number, _ALL_BYTES)
        if text is None:
            continue
        room -= len(text)
        if room < 0:
            return
        yield text


def index_of(directory: str, hundred: int) -> bytes:
    """The index of a hundred messages: the one that is kept, or else made now; empty if there are no messages.

    :raises Temporary: it cannot be read.
    """
    found = index(directory, hundred)
    return made_index(directory, hundred) if found is None else found


def made_index(directory: str, hundred: int) -> bytes:
    """The index of a hundred messages, made from them.

    :raises Temporary: one cannot be read.
    """
    entries = []
    prefix = ListDirectory(directory).optional_line("prefix")
    for number in range(max(hundred * 100, 1), hundred * 100 + 100):
        text = kept(directory, number, _HEADER_BYTES)
        if text is not None:
            entries.append(index_entry(number, cut(text).fields, prefix))
    return b"".join(entries)

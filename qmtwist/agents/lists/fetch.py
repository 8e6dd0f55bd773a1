"""What there is in a list's archive."""

from __future__ import annotations

from qmtwist.rules.lists.entries import index_entry
from qmtwist.rules.lists.heading import cut
from qmtwist.store.lists.archive import index, kept
from qmtwist.store.lists.directory import ListDirectory

_HEADER_BYTES = 1 << 16  # that are looked at for an index


def index_of(directory: str, hundred: int) -> bytes:
    """The index of a hundred messages: the one that is kept, or else made now; empty if there are no messages.

    :raises Temporary: it cannot be read.
    """
    found = index(directory, hundred)
    return made_index(directory, hundred) if found is None else found


def made_index(directory: str, hundred: int, is_by_date_field: bool = False) -> bytes:
    """The index of a hundred messages, made from them; with `is_by_date_field` their authors' dates count.

    :raises Temporary: one cannot be read.
    """
    entries = []
    prefix = ListDirectory(directory).optional_line("prefix")
    for number in range(max(hundred * 100, 1), hundred * 100 + 100):
        text = kept(directory, number, _HEADER_BYTES)
        if text is not None:
            entries.append(index_entry(number, cut(text).fields, prefix, is_by_date_field))
    return b"".join(entries)

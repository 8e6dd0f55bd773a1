"""Make the index of an archive anew. (ezmlm-idx)"""

from __future__ import annotations

from qmtwist.store.lists.archive import set_index
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import Lock

from .fetch import made_index


def make_index(directory: str, first: int, last: int, is_by_date_field: bool = False) -> None:
    """For each hundred from that of message `first` to that of `last`; new messages are noted from then on.

    :raises Temporary: some of it may be there.
    """
    place = ListDirectory(directory)
    with Lock(f"{directory}/lock"):
        for hundred in range(first // 100, min(place.number().last, last) // 100 + 1):
            entries = made_index(directory, hundred, is_by_date_field)
            if entries:
                set_index(directory, hundred, entries)
        place.mark("indexed")

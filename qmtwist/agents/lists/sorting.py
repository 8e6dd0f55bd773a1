"""Sort an archive by subjects and authors. (ezmlm-archive)"""

from __future__ import annotations

import os

from qmtwist.mail.date import civil
from qmtwist.mail.errors import Permanent
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.lists.entries import index_entry
from qmtwist.rules.lists.heading import cut
from qmtwist.rules.lists.threads import Entry, Message, Together, entries, month_data
from qmtwist.store.lists.archive import index, kept, kept_path
from qmtwist.store.lists.bulk import Bulk, folder
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.files import Lock, give_up, read_if_there, rewrite

_HEADER_BYTES = 1 << 16
_BATCH = 100  # hundreds of messages that are sorted at a time: so much is in memory


class Range(NamedTuple):
    """Which messages; None: from where the last run ended, to the last message."""

    first: int | None = None
    last: int | None = None


def sort_archive(directory: str, wanted: Range) -> None:
    """Bring the files of subjects, authors and months up to date.

    :raises Permanent: there are no messages.
    :raises Temporary: it is done in part at most, and the next run does the rest.
    """
    place = ListDirectory(directory)
    with Lock(f"{directory}/lock"):  # so that the last number is that of a message
        last = place.number().last
    if not last:
        raise Permanent("no messages in archive")
    with Lock(f"{directory}/archive/lock"):
        first = place.optional_line("archnum") if wanted.first is None else b"%d" % (wanted.first // 100 * 100 - 1)
        start = int(first) + 1 if first.lstrip(b"-").isdigit() else 0
        stop = min(last, last if wanted.last is None else wanted.last)
        while start <= stop:
            end = min(stop, (start // 100 + _BATCH) * 100 - 1)
            _sort(place, start, end)
            start = end + 1


def _sort(place: ListDirectory, first: int, last: int) -> None:
    """Messages `first` to `last` take the place of whatever was known from `first` on."""
    messages = list(_entries(place.path, first, last))
    top = f"{place.path}/archive"
    with Bulk("n") as files:
        subjects = _opened(f"{top}/subjects", [(entry.subject_hash, entry.subject) for entry in messages], first)
        authors = _opened(f"{top}/authors", [(entry.author_hash, entry.author) for entry in messages], first)
        for entry in messages:
            subject, author = subjects[entry.subject_hash], authors[entry.author_hash]
            subject.add(Message(entry.number, entry.month, author.title))
            author.add(Message(entry.number, entry.month, subject.title))
        _put(files, f"{top}/subjects", subjects)
        _put(files, f"{top}/authors", authors)
        folder(f"{top}/threads")
        months: dict[int, dict[bytes, None]] = {}
        for entry in messages:
            months.setdefault(entry.month, {})[entry.subject_hash] = None
        for month, keys in months.items():
            path = f"{top}/threads/{month}"
            files.put(path, month_data(_old(path), first, month, [subjects[key] for key in keys]))
        files.commit()
    try:
        rewrite(f"{place.path}/archnum", f"{place.path}/archnumn", b"%d\n" % last)
    except OSError as error:
        give_up("unable to write archnum", error)


def _opened(top: str, keys: list[tuple[bytes, bytes]], first: int) -> dict[bytes, Together]:
    """What the files with these keys have, each with the name that it first had."""
    found: dict[bytes, Together] = {}
    for key, name in keys:
        if key not in found:
            found[key] = Together(key, name)
            found[key].read(_old(_path(top, key)), first)
    return found


def _put(files: Bulk, top: str, found: dict[bytes, Together]) -> None:
    folder(top)
    for key, together in found.items():
        folder(os.path.dirname(_path(top, key)))
        files.put(_path(top, key), together.data())


def _path(top: str, key: bytes) -> str:
    name = key.decode()
    return f"{top}/{name[:2]}/{name[2:]}"


def _old(path: str) -> bytes:
    try:
        return read_if_there(path) or b""
    except OSError as error:
        give_up(f"unable to read {path}", error)


def _entries(directory: str, first: int, last: int) -> list[Entry]:
    """What the index says of these messages, and what they say themselves where it says nothing."""
    found: list[Entry] = []
    for hundred in range(first // 100, last // 100 + 1):
        known = {entry.number: entry for entry in entries(index(directory, hundred) or b"")}
        for number in range(max(hundred * 100, first, 1), min(hundred * 100 + 99, last) + 1):
            entry = known.get(number)
            if entry is None or not entry.month:
                entry = _made_entry(directory, number) or entry
            if entry is not None and not entry.month:
                entry = entry._replace(month=found[-1].month if found else _file_month(directory, number))
            if entry is not None:
                found.append(entry)
    return found


def _made_entry(directory: str, number: int) -> Entry | None:
    """The entry of a message that is in the archive."""
    text = kept(directory, number, _HEADER_BYTES)
    if text is None:
        return None
    prefix = ListDirectory(directory).optional_line("prefix")
    return next(entries(index_entry(number, cut(text).fields, prefix)))


def _file_month(directory: str, number: int) -> int:
    """When the file of a message was written, which has no date; 197001 if it is gone."""
    path = kept_path(directory, number)
    try:
        year, month, *_ = civil(int(os.stat(path).st_mtime) if path else 0)
    except OSError as error:
        give_up(f"unable to read {path}", error)
    return year * 100 + month

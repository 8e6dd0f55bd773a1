"""Many messages of an archive as one, piece by piece. (ezmlm-get)"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterable, Iterator
from qmtwist.rules.lists import digest
from qmtwist.rules.lists.digest import Look, Words
from qmtwist.rules.lists.entries import index_entry
from qmtwist.rules.lists.heading import cut
from qmtwist.rules.lists.threads import Entry, entries
from qmtwist.store.lists.archive import index, kept
from qmtwist.store.lists.directory import ListDirectory

HEADER_BYTES = 1 << 16  # that are looked at for an index
_MESSAGE_BYTES = 64 << 20


def listed(place: ListDirectory, first: int, last: int) -> list[Entry]:
    """The messages of this row that there are: by the index as far as that goes, and by themselves.

    :raises Temporary: something cannot be read.
    """
    known: dict[int, Entry] = {}
    for hundred in range(first // 100, last // 100 + 1):
        known.update({entry.number: entry for entry in entries(index(place.path, hundred) or b"")})
    prefix = place.optional_line("prefix")
    found = []
    for number in range(max(first, 1), last + 1):
        entry = known.get(number) or _looked_at(place, number, prefix)
        if entry is not None:
            found.append(entry)
    return found


def _looked_at(place: ListDirectory, number: int, prefix: bytes) -> Entry | None:
    text = kept(place.path, number, HEADER_BYTES)
    return None if text is None else next(entries(index_entry(number, cut(text).fields, prefix)), None)


def look_of(place: ListDirectory, form: bytes, boundary: bytes) -> Look:
    """How a collection of this list looks.

    :raises Temporary: that cannot be read.
    """
    names = tuple([name.lower().rstrip(b":") for name in place.lines("digheaders")])
    words = Words(*[place.phrase(name) for name in ("TXT_ADMINISTRIVIA", "TXT_BY", "TXT_NO_SUBJECT")])
    look = Look(form, place.line("outlocal"), boundary, words=words)
    return look._replace(names=names) if names else look


def topics(place: ListDirectory, first: int, last: int) -> bytes:
    """What stands above the table of contents.

    :raises Temporary: it cannot be read.
    """
    text = place.phrase("TXT_TOP_TOPICS").replace(b"<#1#>", b"%d" % first).replace(b"<#2#>", b"%d" % last)
    return text + b"\n"


def collected(
    place: ListDirectory, look: Look, found: list[Entry], subject: bytes, heading: bytes, administrivia: bytes
) -> Iterator[bytes]:
    """What follows the header of a letter: `heading` stands above the table of contents.

    :raises Temporary: a message cannot be read.
    """
    rows = digest.threads(found) if look.is_threaded else [found]
    table = heading + digest.contents(rows, look.words) if look.is_threaded else b""
    yield digest.introduction(look, subject, table, administrivia)
    for number in _numbers(rows):
        yield _message(place, look, number)
    yield digest.end(look)


def _numbers(rows: Iterable[list[Entry]]) -> Iterator[int]:
    return (entry.number for row in rows for entry in row)


def _message(place: ListDirectory, look: Look, number: int) -> bytes:
    text = kept(place.path, number, _MESSAGE_BYTES)
    if text is None:
        return digest.missing(look, number, place.text("get-bad"))
    found = cut(text)
    if not look.is_plain:
        return digest.message(look, number, found.fields, found.rest)
    from qmtwist.rules.lists.plaintext import readable

    return digest.plain_message(found.fields, readable(text))

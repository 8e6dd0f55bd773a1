"""Send somebody what they want of a list's archive. (ezmlm-get)"""

from __future__ import annotations

import os

from qmtwist.mail.address import is_sendable
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Malformed, Permanent, suppress
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple
from qmtwist.rules.lists import answer, heading
from qmtwist.rules.lists.cookie import cookie
from qmtwist.rules.lists.digest import form_of
from qmtwist.rules.lists.entries import shown_index
from qmtwist.rules.lists.threads import Entry
from qmtwist.rules.lists.wanted import MOST, Wanted, index_row, row
from qmtwist.store.lists.archive import kept, kept_size
from qmtwist.store.lists.digests import Digested, Digests
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.subscribers import Subscribers

from .collection import collected, listed, look_of, topics
from .fetch import index_of
from .incoming import Incoming
from .queueing import accepted, begin

_QUOTED_BYTES = 4 << 20
_ALL_BYTES = 4 << 20  # of all messages in one answer
_NEAR = 2000  # messages before and after one that are looked at for its thread
_READERS = (".", "digest", "allow")


class Asking(NamedTuple):
    """Who wants something, and when."""

    sender: bytes
    now: int


class Terms(NamedTuple):
    """Who gets what: None is as the list's files say. `form` is how messages look that are many, `has_bottom` whether
    the answer ends with what the list can do and the request.
    """

    form: bytes = b""
    is_public: bool | None = None
    is_guarded: bool | None = None
    has_bottom: bool | None = None


def retrieve(home: str, directory: str, asking: Asking, wanted: Wanted, terms: Terms) -> int | None:
    """Answer; the number behind `qp`, or None if this sender gets no answer.

    :raises Permanent: it is not to be answered, and its sender should know.
    :raises Temporary: not now.
    """
    heading.refuse_bounce(asking.sender)
    heading.refuse_nameless(asking.sender)
    if not is_sendable(asking.sender):
        raise Permanent("I do not write to such addresses", "5.1.3")
    place = ListDirectory(directory)
    if not _may(place, asking.sender, wanted, terms):
        return None
    of = answer.List(place.line("outlocal"), place.line("outhost"), place.line("mailinglist"))
    with begin(home) as submission:
        incoming = Incoming()
        heading.refuse_loop(incoming.fields, of.mark)
        for piece in _letter(place, of, asking, wanted, terms, incoming):
            submission.write(piece)
        return accepted(submission.finish(Envelope(of.address(b"return-"), (asking.sender,))))


def _may(place: ListDirectory, sender: bytes, wanted: Wanted, terms: Terms) -> bool:
    """Whether this sender gets this; a hundred messages could be meant for somebody else.

    :raises Permanent: the archive is for moderators.
    """
    is_public = terms.is_public
    if is_public is None:
        is_public = place.has("public") and not place.has("modgetonly")
    if not is_public:
        if not is_on(place, sender, (_moderators(place),)):
            raise Permanent("Sorry, I've been told to reject all requests", "5.7.2")
        return True
    is_guarded = place.has("subgetonly") if terms.is_guarded is None else terms.is_guarded
    is_much = not wanted.is_single and (wanted.verb != b"index" or wanted.last >= 0)
    return not (is_guarded or is_much) or is_on(place, sender, _READERS)


def _moderators(place: ListDirectory) -> str:
    found = place.optional_line("modsub") or place.optional_line("remote") or b"mod"
    return os.fsdecode(found)


def is_on(place: ListDirectory, address: bytes, parts: Iterable[str]) -> bool:
    """Whether an address is on one of a list's lists.

    :raises Temporary: that cannot be told.
    """
    with suppress(Malformed):
        return any(Subscribers(os.path.join(place.path, part)).has(address) for part in parts)
    return False


def _letter(
    place: ListDirectory, of: answer.List, asking: Asking, wanted: Wanted, terms: Terms, incoming: Incoming
) -> Iterator[bytes]:
    """The answer, piece by piece."""
    form = wanted.form or terms.form or place.optional_line("digformat")
    if wanted.is_single and not form:
        text = kept(place.path, wanted.first, _QUOTED_BYTES) if wanted.first <= place.number().last else None
        said = place.text("get-bad") if text is None else answer.quoted(text)
        yield from _plain(place, of, asking, terms, incoming, said)
        return
    if wanted.verb == b"index":
        yield from _plain(place, of, asking, terms, incoming, _index(place, wanted))
        return
    found = _found(place, wanted)
    if not found:
        yield from _plain(place, of, asking, terms, incoming, place.text("get-bad"))
        return
    boundary = cookie(place.key(), b"%d" % asking.now, asking.sender, b"b")
    look = look_of(place, form_of(form), boundary)
    bottom = _bottom(place, of, asking, terms, incoming)
    subject = of.fill(place.phrase("SUB_DIGEST_OF")).replace(b"<#1#>", _named(wanted))
    yield _head(of, asking, subject, incoming, look.kind)
    yield from collected(
        place, look, found, subject, _topics(place, wanted, found), of.fill(place.text("top")) + bottom
    )


def _named(wanted: Wanted) -> bytes:
    numbers = [b"%d" % number for number in (wanted.first, wanted.last) if number >= 0]
    return b".".join([wanted.verb + wanted.form, b"_".join(numbers)]) if numbers else wanted.verb + wanted.form


def _topics(place: ListDirectory, wanted: Wanted, found: list[Entry]) -> bytes:
    if wanted.verb == b"thread":
        return b""
    return topics(place, found[0].number, found[-1].number)


def _found(place: ListDirectory, wanted: Wanted) -> list[Entry]:
    """:raises Temporary: something cannot be read."""
    latest = place.number().last
    if wanted.verb == b"get":
        digested = Digests(place.path).digested() or Digested()
        return _fitting(place, listed(place, *row(wanted, latest, digested.last)))
    if not 0 < wanted.first <= latest:
        return []
    near = listed(place, max(wanted.first - _NEAR, 1), min(wanted.first + _NEAR, latest))
    keys = [entry.subject_hash for entry in near if entry.number == wanted.first]
    return _fitting(place, [entry for entry in near if entry.subject_hash in keys][:MOST])


def _fitting(place: ListDirectory, found: list[Entry]) -> list[Entry]:
    """As many as fit into one answer, but one at least."""
    total = 0
    for count, entry in enumerate(found):
        total += kept_size(place.path, entry.number)
        if total > _ALL_BYTES and count:
            return found[:count]
    return found


def _index(place: ListDirectory, wanted: Wanted) -> bytes:
    latest = place.number().last
    first, last = index_row(wanted, latest)
    if wanted.first > latest:
        return place.text("get-bad")
    lines = [shown_index(index_of(place.path, hundred)) for hundred in range(first, last + 1)]
    return b"".join(lines) or place.text("get-bad")


def _plain(
    place: ListDirectory, of: answer.List, asking: Asking, terms: Terms, incoming: Incoming, said: bytes
) -> Iterator[bytes]:
    """An answer that is a text."""
    top, bottom = of.fill(place.text("top")), _bottom(place, of, asking, terms, incoming)
    letter = answer.Letter(asking.sender, of.fill(place.phrase("SUB_RESPONSE")), asking.now, os.getpid())
    yield answer.head(of, letter, incoming.fields, top + said + bottom)
    yield top + said + bottom


def _bottom(place: ListDirectory, of: answer.List, asking: Asking, terms: Terms, incoming: Incoming) -> bytes:
    has_bottom = not place.has("omitbottom") if terms.has_bottom is None else terms.has_bottom
    if not has_bottom:
        return b""
    limit = answer.OWN_REQUEST_BYTES
    return of.fill(place.text("bottom")) + answer.request_copy(asking.sender, incoming.whole(limit), limit)


def _head(of: answer.List, asking: Asking, subject: bytes, incoming: Incoming, kind: bytes) -> bytes:
    letter = answer.Letter(asking.sender, subject, asking.now, os.getpid(), kind=kind)
    return answer.head(of, letter, incoming.fields, b"")

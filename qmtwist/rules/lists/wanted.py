"""What somebody wants of a list's archive, by the address that they write to. (ezmlm-get)"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

FORMS = (b"m", b"r", b"x", b"v", b"n")
"""How messages come as one: as a MIME digest, as text (RFC 1153), as mixed parts, whole, or whole in their order."""
MOST = 100
"""Messages in one answer."""
_RECENT = 30  # messages that somebody gets who does not say which
_INDEXED = 2000  # messages in the index that one answer shows


class Wanted(NamedTuple):
    """`verb` is `get`, `index` or `thread`; `form` one of `FORMS`, or empty; a number that is not given is -1."""

    verb: bytes
    form: bytes = b""
    first: int = -1
    last: int = -1

    @property
    def is_single(self) -> bool:
        """Whether it is one message that is wanted."""
        return self.verb == b"get" and self.first >= 0 > self.last


def parse(action: bytes) -> Wanted | None:
    """What the part of an address behind the list's name and a `-` asks for, if it is for the archive.

    >>> parse(b"get.12"), parse(b"getr.3_9"), parse(b"index"), parse(b"help")
    (Wanted(verb=b'get', form=b'', first=12, last=-1), Wanted(verb=b'get', form=b'r', first=3, last=9), \
Wanted(verb=b'index', form=b'', first=-1, last=-1), None)
    >>> parse(b"Thread-7").first, parse(b"get12-20").last, parse(b"digest").verb, parse(b"get.1_"), parse(b"gets")
    (7, 20, b'get', None, None)
    """
    text = action.lower()
    if text == b"digest":
        return Wanted(b"get")
    verb = next((verb for verb in (b"get", b"index", b"thread") if text.startswith(verb)), b"")
    rest = text[len(verb) :]
    form = rest[:1] if rest[:1] in FORMS else b""
    numbers = _numbers(rest[len(form) :])
    if not verb or numbers is None or (verb == b"thread" and numbers[0] < 0):
        return None
    return Wanted(verb, form, *numbers)


def _numbers(text: bytes) -> tuple[int, int] | None:
    """The number behind a separator, or both of them; None if it is something else."""
    if not text:
        return -1, -1
    text = text[1:] if text[:1] in (b"-", b".") else text
    count = len(text) - len(text.lstrip(b"0123456789"))
    first, mark, last = text[:count], text[count : count + 1], text[count + 1 :]
    if mark == b"-" and b"=" in last:  # whose address that is does not matter: the answer goes to the sender
        mark = last = b""
    if not first or len(first) > 9 or mark.isalpha() or len(last) > 9 or (mark and not last.isdigit()):
        return None
    return int(first), int(last) if last else -1


def triggered(action: bytes, code: bytes) -> bytes | None:
    """How a digest is to look that an address with the list's secret code asks for; None if it does not.

    >>> triggered(b"dig.Sesame", b"sesame"), triggered(b"dig-sesamer", b"sesame"), triggered(b"dig.open", b"sesame")
    (b'', b'r', None)
    """
    text, code = action.lower(), code.lower()
    if not code.isalnum() or text[:4] not in (b"dig.", b"dig-") or not text[4:].startswith(code):
        return None
    form = text[4 + len(code) :]
    return form if not form or form in FORMS else None


def row(wanted: Wanted, latest: int, digested: int) -> tuple[int, int]:
    """The first and the last message of what `get` means in an archive whose last message is `latest`, and that of the
    last digest `digested`; the first is behind the last if there is none.

    >>> row(Wanted(b"get", first=3, last=9), 7, 0), row(Wanted(b"get"), 50, 45), row(Wanted(b"get"), 50, 0)
    ((3, 7), (45, 50), (20, 50))
    >>> row(Wanted(b"get", first=9), 7, 0), row(Wanted(b"get", first=999, last=999), 50, 45)
    ((9, 7), (15, 50))
    """
    first, last = wanted.first, wanted.last
    if first < 0:
        first, last = digested or latest - _RECENT, latest
        return max(first, latest - MOST + 1, 1), last
    if last >= 0 and first > latest:
        return max(digested - _RECENT, latest - MOST + 1, 1), latest
    if last < 0:
        return first or 1, min(first, latest)
    first = max(first, 1)
    return first, min(max(last, first), first + MOST - 1, latest)


def index_row(wanted: Wanted, latest: int) -> tuple[int, int]:
    """The first and the last hundred of messages of what `index` means.

    >>> index_row(Wanted(b"index"), 250), index_row(Wanted(b"index", first=3), 250), index_row(Wanted(b"index"), 7)
    ((1, 2), (0, 0), (0, 0))
    """
    if wanted.first < 0:
        return max(latest - MOST, 0) // 100, latest // 100
    first = wanted.first
    last = min(max(wanted.last, first), first + _INDEXED, latest)
    return first // 100, last // 100

"""The way of a message, from its Received fields. (822received(1) of mess822)"""

from __future__ import annotations

from qmtwist.mail.addresstokens import COMMENT, LITERAL, QUOTED, SEMICOLON, WORDS
from qmtwist.mail.datetext import parse
from qmtwist.mail.shapes import Callable, Enum
from qmtwist.mail.tolerant import BLANK, verbatim_tokens

TEXT_BYTES = 65536  # of one field that are shown
_NO_DATE = b"\t\t\t"
_NEXT_LINE = b"\n\t\t\t "
_STARTS_A_LINE = frozenset((b"from", b"by", b"for", b"id"))


class _Place(Enum):
    """Where we are in a field."""

    START = 1
    WORD = 2
    BLANK = 3  # right behind blanks
    DATE = 4


def received_lines(value: bytes, local: Callable[[int], bytes]) -> bytes:
    r"""One field: when, then its parts on a line each. `local` writes POSIX seconds as ctime does, without line end.

    >>> received_lines(b" from x by y; 3 Jan 2000 09:59 GMT", lambda seconds: b"%d" % seconds)
    b'946893540 from x \n\t\t\t by y\n\t\t\t ; 3 Jan 2000 09:59 GMT\n'
    """
    moment = parse(value)
    parts = [_NO_DATE if moment is None else local(moment.posix), b" "]
    place = _Place.START
    for kind, text in verbatim_tokens(value[:TEXT_BYTES]):
        if kind == BLANK:
            if place in (_Place.WORD, _Place.DATE):
                parts.append(b" ")
            place = _Place.BLANK if place is _Place.WORD else place
            continue
        if kind == SEMICOLON:
            parts.append((_NEXT_LINE if place in (_Place.WORD, _Place.BLANK) else b"") + b";")
            place = _Place.DATE
            continue
        if kind in WORDS and place is _Place.BLANK and kind != QUOTED and text.lower() in _STARTS_A_LINE:
            parts.append(_NEXT_LINE)
        parts.append(_plain(kind, text))
        place = place if place is _Place.DATE else _Place.WORD
    return b"".join(parts) + b"\n"


def _plain(kind: bytes, text: bytes) -> bytes:
    if kind == COMMENT:
        return b"(" + text + b")"
    if kind == LITERAL:
        return b"[" + text + b"]"
    return text if kind in WORDS else kind

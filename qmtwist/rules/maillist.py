r"""Lists of addresses in a file: `&address` or a file name, each ended by NUL. (fastforward; setmaillist(1))"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, Iterator

LIMIT_BYTES = 800  # of an address
_FILES = frozenset((b".", b"/"))
_ITEMS = frozenset((b"&", b".", b"/"))


def parse(lines: Iterable[bytes]) -> Iterator[bytes]:
    r"""The items of a text with one address or file name a line, each ended by NUL.

    Blanks at the end of a line do not count, those at its start do. Empty lines and those that begin with `#` are
    skipped.

    :raises Malformed: with setmaillist's words, when the fault is reached.

    >>> list(parse([b"joe@h \n", b"# us\n", b"./more.bin"]))
    [b'&joe@h\x00', b'./more.bin\x00']
    """
    for line in lines:
        item = line.rstrip(b" \t\n")
        if not item or item[:1] == b"#":
            continue
        if b"\0" in item:
            raise Malformed("NUL in input")
        if len(item) > LIMIT_BYTES:
            raise Malformed("addresses must be under 800 bytes")
        yield (item if item[:1] in _ITEMS else b"&" + item) + b"\0"


def items(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""The items of a list file that comes in pieces, without their NUL.

    :raises Malformed: at one that begins like none, or at the end of a file that does not end with NUL.

    >>> list(items([b"&jo", b"e@h\0./x\0"]))
    [b'&joe@h', b'./x']
    """
    rest = b""
    for piece in pieces:
        *found, rest = (rest + piece).split(b"\0")
        for item in found:
            if item[:1] not in _ITEMS:
                raise Malformed("bad mailing list format")
            yield item
    if rest:
        raise Malformed("bad mailing list format")

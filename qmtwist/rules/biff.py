"""What a terminal shows of a new message. (qmail qbiff)"""

from __future__ import annotations

from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Iterable, Iterator

_TEXT_BYTES = 78
_PRINTABLE = bytes(range(32, 127))


def announcement(local: bytes, sender: bytes, fields: Iterable[Field], rest: bytes) -> bytes:
    r"""Two lines and a bell: to whom from whom, then the subject and how the body begins, in 78 bytes.

    `rest` is what follows the header, from the empty line on.

    >>> announcement(b"joe", b"s@host", [Field(b"subject", b"Subject: hello\n")], b"\nfirst\n")
    b'\r\n\x07*** TO <joe> FROM <s@host>\r\n    hello//first/\r\n'
    """
    subject = b"".join([field.raw.partition(b":")[2].lstrip() for field in fields if field.name == b"subject"])
    first = _masked(b"*** TO <%s> FROM <%s>" % (local, sender), b"_")
    second = _masked((b"    " + subject + rest)[:_TEXT_BYTES], b"/")
    return b"\r\n\a" + first + b"\r\n" + second + b"\r\n"


def _masked(text: bytes, mask: bytes) -> bytes:
    """The text with everything that a terminal could obey replaced."""
    return text.translate(bytes([byte if byte in _PRINTABLE else mask[0] for byte in range(256)]))


def terminals(utmp: bytes, user: bytes, byteorder: str) -> Iterator[bytes]:
    """The terminals that a user is logged in on, as names below /dev, from the records of utmp(5) on Linux.

    Names that lead elsewhere are left out: the file may be writable for others.
    """
    for start in range(0, len(utmp) - _RECORD_BYTES + 1, _RECORD_BYTES):
        record = utmp[start : start + _RECORD_BYTES]
        kind = record[0] if byteorder == "little" else record[1]
        line, name = (record[at : at + 32].partition(b"\0")[0] for at in (_LINE_AT, _USER_AT))
        if kind == _USER_PROCESS and name == user[:32] and line and line[:1] != b"/" and b"." not in line:
            yield line


_RECORD_BYTES, _LINE_AT, _USER_AT, _USER_PROCESS = 384, 8, 44, 7

"""A header as a printing terminal shows it, underlined and struck twice. (822print(1) of mess822)"""

from __future__ import annotations

from qmtwist.mail.addresstokens import TooLong
from qmtwist.mail.datetext import parse
from qmtwist.mail.header import Field
from qmtwist.mail.shapes import Callable
from qmtwist.mail.tolerant import Member, read_members, unfolded

PLAIN, UNDERLINED, BOLD = b"", b"_", b"+"
TEXT_BYTES = 65536  # of one text that are shown
WIDTH, GAP, HALF, LEFT_WIDTH = 78, 2, 50, 73
_RULE = b"-" * WIDTH + b"\n"

Line = list[bytes]  # what is printed, one place on the paper each

# Fields with addresses: the heading, what goes before each address, and its style.
_BEFORE = ((b"return-path", b"Return-Path", b"return ", BOLD),)
_THREAD = ((b"references", b"Ref", b"", UNDERLINED), (b"message-id", b"Message-ID", b"", UNDERLINED))
_READERS = (
    (b"to", b"To", b"", BOLD),
    (b"cc", b"Cc", b"", BOLD),
    (b"bcc", b"Bcc", b"", BOLD),
    (b"notice-requested-upon-delivery-to", b"Notice-Requested-Upon-Delivery-To", b"", BOLD),
)
_ANSWERS = (
    (b"sender", b"Sender", b"sender ", BOLD),
    (b"reply-to", b"Reply-To", b"reply to ", BOLD),
    (b"mail-reply-to", b"Mail-Reply-To", b"reply to ", BOLD),
    (b"mail-followup-to", b"Mail-Followup-To", b"follow up to ", BOLD),
)
_FROM = (b"from", b"From", b"", BOLD)
_RESENT = (b"sender", b"from", b"reply-to", b"to", b"cc", b"bcc", b"date", b"message-id")
_WAY = frozenset((b"received", b"delivered-to", b"errors-to", *[b"resent-" + name for name in _RESENT]))
_OURS = frozenset([row[0] for row in (_FROM, *_BEFORE, *_THREAD, *_READERS, *_ANSWERS)]) | {
    b"apparently-to", b"subject", b"date", b"in-reply-to",
}  # fmt: skip


def print_header(fields: list[Field], local: Callable[[int], bytes]) -> bytes:
    """The header, rearranged. `local` writes POSIX seconds as `YYYY-MM-DD hh:mm:ss` in the reader's time zone."""
    return b"".join(_Printer(fields, local).parts())


class _Printer:
    def __init__(self, fields: list[Field], local: Callable[[int], bytes]) -> None:
        self._fields = fields
        self._local = local

    def parts(self) -> list[bytes]:
        subject = b"\n".join(self._values(b"subject"))
        parts = [_both(places(b"Subject:"), places(subject, UNDERLINED)), self._addresses(*_FROM), self._date()]
        parts += [self._addresses(*row) for row in _BEFORE]
        parts += [_lines(field.raw) for field in self._fields if field.name in _WAY]
        parts += [_lines(field.raw) for field in self._fields if field.name == b"in-reply-to"]
        parts += [self._addresses(*row) for row in _THREAD]
        parts += [_RULE, *[self._addresses(*row) for row in _READERS]]
        parts += [_RULE, *[self._addresses(*row) for row in _ANSWERS]]
        return parts + [_lines(field.raw) for field in self._fields if field.name not in _OURS | _WAY]

    def _values(self, name: bytes) -> list[bytes]:
        return [unfolded(field) for field in self._fields if field.name == name]

    def _date(self) -> bytes:
        values = self._values(b"date")
        left = places(b"Date:") + places(b"\n".join(values))
        moment = parse(values[-1]) if values else None
        return _left(left) if moment is None else _both(left, places(self._local(moment.posix), UNDERLINED))

    def _addresses(self, name: bytes, heading: bytes, before: bytes, style: bytes) -> bytes:
        names = (name, b"apparently-to") if name == b"bcc" else (name,)
        parts = []
        for field in self._fields:
            if field.name in names:
                try:
                    members = read_members(unfolded(field))
                except TooLong:
                    parts.append(_lines(field.raw))
                    continue
                parts += [_member(member, places(heading + b": "), before, style) for member in members]
        return b"".join(parts)


def _member(member: Member, heading: Line, before: bytes, style: bytes) -> bytes:
    left = heading + places(member.name, UNDERLINED)
    if member.box is None:
        return _left(left)
    return _both(left, places(before) + places(member.address, style))


def places(text: bytes, style: bytes = PLAIN) -> Line:
    r"""A text in this style; what cannot be printed is shown in octal, and by another style.

    >>> places(b"a\x00", UNDERLINED), places(b"a", BOLD)
    ([b'_\x08a', b'\\', b'0', b'0', b'0'], [b'a\x08a'])
    """
    other = PLAIN if style == UNDERLINED else UNDERLINED
    line: Line = []
    text = text if len(text) <= TEXT_BYTES else text[:TEXT_BYTES] + b"..."
    for byte in text.replace(b"\t", b" ").replace(b"\n", b"\0"):
        if 32 <= byte <= 126:
            line.append(_struck(byte, style))
        else:
            line += [_struck(digit, other) for digit in b"\\%03o" % byte]
    return line


def _struck(byte: int, style: bytes) -> bytes:
    if style == PLAIN:
        return b"%c" % byte
    return b"%c\b%c" % (byte if style == BOLD else ord("_"), byte)


def _lines(raw: bytes) -> bytes:
    return b"".join([_left(places(line)) for line in raw.split(b"\n")[:-1]])


def _left(line: Line) -> bytes:
    """On as many lines as it takes, divided before blanks where there are any."""
    parts = []
    start = 0
    while len(line) - start > LEFT_WIDTH:
        window = line[start : start + LEFT_WIDTH]
        blank = next((at for at in range(LEFT_WIDTH - 1, 0, -1) if window[at][-1:] == b" "), LEFT_WIDTH)
        parts += [*line[start : start + blank], b"\n"]
        start += blank
    return b"".join([*parts, *line[start:], b"\n"])


def _both(left: Line, right: Line) -> bytes:
    """Two texts at the two sides of the paper."""
    parts: list[bytes] = []
    at_left = at_right = 0
    while True:
        i, j = len(left) - at_left, len(right) - at_right
        is_last = i + j <= WIDTH - GAP
        if not is_last:
            i, j = min(i, HALF), min(j, HALF)
            j = min(j, WIDTH - GAP - i)
        parts += [*left[at_left : at_left + i], b" " * (WIDTH - i - j), *right[at_right : at_right + j], b"\n"]
        at_left, at_right = at_left + i, at_right + j
        if is_last:
            return b"".join(parts)

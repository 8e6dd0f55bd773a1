"""Text in an mbox file: a message ends where a line begins with `From `, so such lines are quoted. (mbox(5))"""

from __future__ import annotations

from qmtwist.mail.date import ctime
from qmtwist.mail.shapes import Iterable, Iterator

_FROM = b"From "
_RETURN_PATH = b"Return-Path: <"
_LINE_BYTES = 1000
_MARK, _LF = b">\n"
_DASHES = bytes.maketrans(b" \t\n", b"---")


def from_line(sender: bytes, now: int) -> bytes:
    r"""The line that begins a message, with its line end; `now` in POSIX seconds.

    >>> from_line(b"", 0)
    b'From MAILER-DAEMON Thu Jan 01 00:00:00 1970\n'
    """
    return b"From %s %s\n" % (sender.translate(_DASHES) or b"MAILER-DAEMON", ctime(now))


def maildir_sender(beginning: bytes) -> bytes:
    r"""The sender for the From_ line of a message in a maildir: of its first line, else `XXX`. (maildir2mbox)

    >>> maildir_sender(b"Return-Path: <a b@x>\nDelivered-To: c\n"), maildir_sender(b"Return-Path: <>\n")
    (b'a b@x', b'')
    >>> maildir_sender(b"Subject: hello\n\n"), maildir_sender(b"Return-Path: <a@b>")
    (b'XXX', b'a@b')
    """
    line, lf, _ = beginning.partition(b"\n")
    if not line.startswith(_RETURN_PATH) or (not lf and len(line) > _LINE_BYTES):
        return b"XXX"
    rest = line[len(_RETURN_PATH) :]
    return b"" if rest.startswith(b">") else rest[:-1]


def quoted(pieces: Iterable[bytes]) -> Iterator[bytes]:
    r"""The message with one more `>` before every line that is any number of `>` and then `From `, and a last line end.

    Reversible: taking one `>` away from every line `>From `, `>>From `... gives the message back. However the message
    is cut into pieces, nothing but its last four bytes is held.

    >>> b"".join(quoted([b"Fr", b"om a\n>From b\n From c"]))
    b'>From a\n>>From b\n From c\n'
    """
    held = b""
    is_prefix = True  # the current line, as far as it was given out, is nothing but `>`
    last = b""
    for piece in pieces:
        data = held + piece
        keep = _possible_start(data)
        held = data[len(data) - keep :]
        # A whole `From ` is never cut: what is held is shorter, and a line cannot begin inside it.
        body = data[: len(data) - keep]
        if body:
            yield _quote(body, is_prefix)
            is_prefix = _ends_in_prefix(body, is_prefix)
            last = body[-1:]
    if held:
        yield held
        last = held[-1:]
    if last and last != b"\n":
        yield b"\n"


def _possible_start(data: bytes) -> int:
    """How many bytes at the end could become `From ` with more to come: 0 to 4."""
    for count in (4, 3, 2, 1):
        if data.endswith(_FROM[:count]):
            return count
    return 0


def _quote(data: bytes, is_prefix: bool) -> bytes:
    at = data.find(_FROM)
    if at < 0:
        return data
    parts: list[bytes] = []
    done = 0
    while at >= 0:
        start = at
        while start and data[start - 1] == _MARK:
            start -= 1
        if data[start - 1] == _LF if start else is_prefix:
            parts += data[done:at], b">"
            done = at
        at = data.find(_FROM, at + len(_FROM))
    parts.append(data[done:])
    return b"".join(parts)


def _ends_in_prefix(data: bytes, was_prefix: bool) -> bool:
    line = data.rstrip(b">")
    return line.endswith(b"\n") if line else was_prefix

"""Where the server's log goes: the words of `--log-to`."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import NamedTuple

from .selection import LARGEST_SIZE, SMALLEST_NUMBER, SMALLEST_SIZE, Rotation

OUTPUT, DIRECTORY, JOURNAL = "-", "multilog", "journal"
JOURNAL_SOCKET = "/run/systemd/journal/socket"
_LARGEST_NUMBER = 1_000_000


class LogTo(NamedTuple):
    """One of OUTPUT, DIRECTORY and JOURNAL; `path` is that of the directory or of the journal's socket."""

    kind: str = OUTPUT
    path: str = ""
    rotation: Rotation = Rotation()


def read_log_to(text: str) -> LogTo:
    """What `-`, `multilog:DIR:size=BYTES:number=FILES` or `journal:SOCKET` says.

    >>> read_log_to("multilog:/var/log/qmtwist:number=20").rotation
    Rotation(size_bytes=99999, number=20, processor=b'')
    >>> read_log_to("journal").path
    '/run/systemd/journal/socket'

    :raises Malformed: it is none of them; the text says what is wrong.
    """
    kind, colon, rest = text.partition(":")
    if text == OUTPUT:
        return LogTo()
    if kind == JOURNAL:
        return LogTo(JOURNAL, _absolute(rest) if colon else JOURNAL_SOCKET)
    if kind == DIRECTORY:
        return _directory(rest)
    raise Malformed("want -, multilog:DIR or journal")


def _directory(rest: str) -> LogTo:
    path, *words = rest.split(":")
    rotation = Rotation()
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or name not in ("size", "number"):
            raise Malformed(f"{word}: want size=BYTES or number=FILES behind the directory")
        if name == "size":
            rotation = rotation._replace(size_bytes=_number(word, value, SMALLEST_SIZE, LARGEST_SIZE))
        else:
            rotation = rotation._replace(number=_number(word, value, SMALLEST_NUMBER, _LARGEST_NUMBER))
    return LogTo(DIRECTORY, _absolute(path), rotation)


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path:
        raise Malformed(f"{path or 'nothing'}: want a path that begins with a slash")
    return path


def _number(word: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= 9 and least <= int(value) <= most):
        raise Malformed(f"{word}: want a number from {least} to {most}")
    return int(value)

"""What multilog is told to do with every line: its script, and the patterns in it. (multilog(8))"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

LINE_BYTES = 1000  # of a line are looked at
ALERT_BYTES = 200  # of a line are shown by the action `e`
STATUS_BYTES = LINE_BYTES + 1
SMALLEST_SIZE, LARGEST_SIZE = 4096, 16777215
SMALLEST_NUMBER = 2
_SIZE, _NUMBER = 99999, 10


class Rotation(NamedTuple):
    """How a log directory is rotated: when a file has about `size_bytes`, with `number` - 1 old files kept.

    `processor` is a shell command that old files are passed through; none: empty.
    """

    size_bytes: int = _SIZE
    number: int = _NUMBER
    processor: bytes = b""


class Action(NamedTuple):
    """One action that lines meet: `kind` is one of + - e = and / for a directory; `word` its pattern or path."""

    kind: bytes
    word: bytes
    rotation: Rotation = Rotation()


class Script(NamedTuple):
    """All actions in their order, and whether each line gets a stamp first."""

    is_stamped: bool
    actions: list[Action]


def matches(pattern: bytes, line: bytes) -> bool:
    """Whether the whole line fits. A star takes everything up to the first occurrence of the byte that follows it in
    the pattern, one at the end takes all that is left; every other byte stands for itself.

    >>> matches(b"a*b", b"axb"), matches(b"a*b", b"axbxb"), matches(b"-*", b"-"), matches(b"", b"")
    (True, False, True, True)
    """
    at = done = 0
    while done < len(pattern):
        star = pattern.find(b"*", done)
        if star < 0:
            return line[at:] == pattern[done:]
        if not line.startswith(pattern[done:star], at):
            return False
        at += star - done
        done = star + 1
        if done == len(pattern):
            return True
        at = line.find(pattern[done : done + 1], at)
        if at < 0:
            return False
    return at == len(line)


def read_script(words: list[bytes]) -> Script:
    """The script from a command line; a word that begins none of the known actions does nothing.

    >>> read_script([b"t", b"s9", b"n3", b"./main"]).actions[0].rotation
    Rotation(size_bytes=4096, number=3, processor=b'')
    """
    is_stamped = bool(words) and words[0][:1] == b"t"
    rotation, actions = Rotation(), list[Action]()
    for word in words[is_stamped:]:
        kind, rest = word[:1], word[1:]
        if kind == b"s":
            rotation = rotation._replace(size_bytes=bounded_size(_number(rest)))
        elif kind == b"n":
            rotation = rotation._replace(number=bounded_number(_number(rest)))
        elif kind == b"!":
            rotation = rotation._replace(processor=rest)
        elif kind in (b".", b"/"):
            actions.append(Action(b"/", word, rotation))
        elif kind in (b"+", b"-", b"e", b"="):
            actions.append(Action(kind, rest))
    return Script(is_stamped, actions)


def bounded_size(size_bytes: int) -> int:
    """The nearest size that a log file may have."""
    return min(max(size_bytes, SMALLEST_SIZE), LARGEST_SIZE)


def bounded_number(number: int) -> int:
    """The nearest number of files that a log may have."""
    return max(number, SMALLEST_NUMBER)


def _number(text: bytes) -> int:
    """The digits at the beginning, as scan_ulong reads them; without any it is 0."""
    digits = text[: len(text) - len(text.lstrip(b"0123456789"))]
    return int(digits[-20:] or b"0") if len(digits) <= 20 else 1 << 63


def alert(line: bytes) -> bytes:
    """What the action `e` shows of a line's first bytes."""
    return line + b"\n" if len(line) <= ALERT_BYTES else line[:ALERT_BYTES] + b"...\n"


def status(line: bytes) -> bytes:
    """What a status file holds: the line's first bytes, and line ends up to its fixed size."""
    return line[:LINE_BYTES].ljust(STATUS_BYTES, b"\n")

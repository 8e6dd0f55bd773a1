r"""Forwarding tables as text: `target: command, command;`, the language of setforward. (fastforward; setforward(1))

In the table `:target` has the commands, each ended by NUL, and `?target` the owner of a list. A command begins with
`&` (an address), `|` or `!` (a program), `.` or `/` (a file of addresses).
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Iterable, Iterator

LIMIT_BYTES = 800  # of a target or a command as it is written

_COMMANDS = b"&|!./"
_PLAIN = bytes(byte for byte in range(33, 127) if byte not in b",:;\\#")
_BLANKS = frozenset(b" \t\n")
_BACKSLASH, _HASH, _NUL = b"\\"[0], b"#"[0], 0
_MARKS = frozenset(b":,;")
_SPECIAL = b" \t\n\\#\0:,;"

Record = tuple[bytes, bytes]


def parse(pieces: Iterable[bytes]) -> Iterator[Record]:
    r"""The records of a text that comes in pieces, in order; keys are in lower case.

    :raises Malformed: with setforward's words, when the fault is reached.

    >>> list(parse([b"Root@h: joe@h, |cat; # us\n", b"l@h: ?owner@h, ./list.bin;"]))
    [(b':root@h', b'&joe@h\x00|cat\x00'), (b'?l@h', b'owner@h'), (b':l@h', b'./list.bin\x00')]
    """
    reader = _Reader()
    for word, mark in _words(pieces):
        yield from reader.receive(word, mark)
    reader.end()


class _Reader:
    """What has been read of one instruction."""

    def __init__(self) -> None:
        self._target: bytes | None = None
        self._commands: list[bytes] = []
        self._has_rest = False

    def receive(self, word: bytes, mark: bytes) -> Iterator[Record]:
        """A word and the mark behind it, or no mark at the end of the text."""
        if not mark:
            self._has_rest = bool(word)
            return
        if self._target is None:
            if mark != b":":
                raise Malformed("commas are not permitted before colons")
            self._target = word.lower()
            return
        if mark == b":":
            raise Malformed("double colons are not permitted")
        if word[:1] == b"?":
            yield b"?" + self._target, word[1:]
        elif word:
            self._commands.append(word if word[:1] in _FIRST else b"&" + word)
        if mark == b";":
            if self._commands:
                yield b":" + self._target, b"\0".join([*self._commands, b""])
            self._target, self._commands = None, []

    def end(self) -> None:
        if self._target is not None or self._has_rest:
            raise Malformed("final instruction must end with semicolon")


_FIRST = frozenset(b"%c" % byte for byte in _COMMANDS)


def _words(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Words without their blanks, comments and backslashes, each with the mark that ends it; at the end with none."""
    word, is_comment, is_escaped = bytearray(), False, False
    for piece in pieces:
        at = 0
        while at < len(piece):
            byte = piece[at]
            if is_comment:
                end = piece.find(b"\n", at)
                is_comment = end < 0
                at = len(piece) if end < 0 else end + 1
                continue
            if byte == _NUL:
                raise Malformed("NUL bytes are not permitted")
            at += 1
            if is_escaped:
                is_escaped = False
                word.append(byte)
            elif byte == _BACKSLASH:
                is_escaped = True
            elif byte == _HASH:
                is_comment = True
            elif byte in _MARKS:
                yield bytes(word), b"%c" % byte
                word.clear()
            elif byte not in _BLANKS:
                word.append(byte)
            if len(word) > LIMIT_BYTES:
                raise Malformed("addresses over 800 bytes are not permitted")
    yield bytes(word), b""


def format_record(key: bytes, data: bytes) -> bytes:
    r"""One record as text that `parse` reads.

    :raises Malformed: no such record belongs into a table.

    >>> print(format_record(b":root@h", b"&a,b@h\0|cat\0").decode(), end="")
    root@h:
    , &a\,b@h
    , |cat
    ;
    >>> format_record(b"?l@h", b"owner@h")
    b'l@h: ?owner@h;\n'
    """
    target = escape(key[1:])
    if key[:1] == b"?":
        return b"%s: ?%s;\n" % (target, escape(data))
    if key[:1] != b":":
        raise Malformed("bad database format")
    lines = [b", %s\n" % escape(command) for command in split_commands(data)]
    return b"%s:\n%s;\n" % (target, b"".join(lines))


def split_commands(data: bytes) -> list[bytes]:
    """The commands of a record or the items of a list file.

    :raises Malformed: the last one is not ended by NUL, or one begins like none.
    """
    *commands, rest = data.split(b"\0")
    if rest or not all(command[:1] in _FIRST for command in commands):
        raise Malformed("bad database format")
    return commands


def escape(text: bytes) -> bytes:
    r"""A word for a table: what has a meaning there or is no printable character gets a backslash.

    >>> escape(b"a b;c")
    b'a\\ b\\;c'
    """
    if not text.translate(None, _PLAIN):
        return text
    return b"".join([b"%c" % byte if byte in _PLAIN else b"\\%c" % byte for byte in text])

r"""serialmail's two formats: the head of a message in a maildir, and the answers of a client. (maildirserial(1))

A message in a maildir begins with the lines that qmail-local put there, `Return-Path: <SENDER>` and
`Delivered-To: PREFIXRECIPIENT`; they are its envelope, and are not sent. A client is given file names, each NUL-ended,
and answers `NAME NUL LETTER TEXT LF` for each that it has an answer for: K sent, Z not now, D never.
"""

from __future__ import annotations

from qmtwist.mail.shapes import Iterator, NamedTuple

HEAD_BYTES = 16384  # both lines are shorter, whatever their addresses
ANSWER_BYTES = 2000  # letter and text of an answer
_RETURN_PATH, _DELIVERED_TO = b"Return-Path: <", b"Delivered-To: "
_SHOWN = bytes(byte if 32 <= byte <= 126 else 63 for byte in range(256))


class Head(NamedTuple):
    """The envelope of a stored message; `recipient` still has its prefix. `size_bytes` is what the lines take up."""

    sender: bytes
    recipient: bytes
    size_bytes: int


class Answer(NamedTuple):
    """What a client says about a file. `text` has no line end."""

    name: bytes
    letter: bytes
    text: bytes


def parse_head(data: bytes) -> Head | None:
    r"""The head of a message that begins with `data` (`HEAD_BYTES` are enough); None: it is not qmail-local's.

    >>> parse_head(b'Return-Path: <"a b"@x>\nDelivered-To: auto-joe@y\nSubject: z\n')
    Head(sender=b'a b@x', recipient=b'auto-joe@y', size_bytes=48)
    """
    first, _, rest = data.partition(b"\n")
    second, ended, _ = rest.partition(b"\n")
    if not ended or not second.startswith(_DELIVERED_TO):
        return None
    if not first.startswith(_RETURN_PATH) or first[-1:] != b">" or b"\0" in first + second:
        return None
    sender = unquote(first[len(_RETURN_PATH) : -1])
    return Head(sender, second[len(_DELIVERED_TO) :], len(first) + len(second) + 2)


def delivered_to(data: bytes) -> bytes | None:
    """Whom the second line of a message names, whatever the first one is; None if it names nobody."""
    second, ended, _ = data.partition(b"\n")[2].partition(b"\n")
    return second[len(_DELIVERED_TO) :] if ended and second.startswith(_DELIVERED_TO) else None


def unquote(address: bytes) -> bytes:
    r"""An address as the envelope has it, from how a Return-Path line shows it; what is not quoted stays.

    >>> unquote(b'"a\\"b"@host'), unquote(b"joe@host"), unquote(b'"a"b"@host')
    (b'a"b@host', b'joe@host', b'"a"b"@host')
    """
    local, at = bytearray(), 1
    while address[:1] == b'"' and at < len(address):
        if address[at : at + 1] == b'"':
            rest = address[at + 1 :]
            return bytes(local) + rest if rest[:1] in (b"", b"@") else address
        at += address[at : at + 1] == b"\\"
        local += address[at : at + 1]
        at += 1
    return address


def format_answer(name: bytes, letter: bytes, text: bytes) -> bytes:
    r"""An answer as a client writes it: printable, one line, not too long.

    >>> format_answer(b"new/1", b"K", b"250 ok\r")
    b'new/1\x00K250 ok?\n'
    """
    return b"%s\0%s\n" % (name, (letter + text)[:ANSWER_BYTES].translate(_SHOWN))


class AnswerReader:
    """Cuts what a client writes into answers, however it is chunked. Lives as long as the client."""

    def __init__(self) -> None:
        self._buffer = b""

    def receive(self, data: bytes) -> Iterator[Answer]:
        """The answers that are complete now."""
        self._buffer += data
        while True:
            name, ended, rest = self._buffer.partition(b"\0")
            end = rest.find(b"\n", 1)
            if not ended or end < 0:
                return
            self._buffer = rest[end + 1 :]
            yield Answer(name, rest[:1], rest[1:end])

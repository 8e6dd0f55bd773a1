"""What maildirwatch shows of a message. (qmail maildirwatch.c)"""

from __future__ import annotations

from qmtwist.mail.header import HeaderReader

CLEAR = b"\033[;H\033[;J"
"""Cursor to the top left corner, everything from there on erased."""
TEXT_BYTES = 158  # two lines of a terminal, nearly
_PRINTABLE = bytes(range(32, 127))


def _table(instead: bytes) -> bytes:
    return bytes(code if code in _PRINTABLE else instead[0] for code in range(256))


_SLASHES, _MARKS = _table(b"/"), _table(b"?")


def summary(beginning: bytes) -> bytes:
    r"""Sender and recipient, the From field in bold, the subject and the first words; `beginning` is enough of it.

    Nothing in a message can send commands to the terminal.

    >>> summary(b"Return-Path: <a@b>\nDelivered-To: c@d\nSubject: e\n\nf\n")
    b'FROM <a@b> TO <c@d>\ne//f/\n\n'
    """
    reader = HeaderReader()
    reader.receive(beginning)
    reader.eof()
    shown = {b"return-path": b"?", b"delivered-to": b"?", b"from": b"", b"subject": b""}
    subjects = b""
    for field in reader.fields:
        if field.name == b"subject":
            subjects += _value(field.raw)
        elif field.name in shown:
            shown[field.name] = _value(field.raw)
    sender = shown[b"return-path"].rstrip(b"\n").translate(_MARKS)
    recipient = shown[b"delivered-to"].rstrip(b"\n").translate(_MARKS)
    author = shown[b"from"].rstrip(b"\n").translate(_SLASHES)
    bold = b"\033[1m%s\033[0m\n" % author if author else b""
    text = (subjects + reader.rest)[:TEXT_BYTES].translate(_SLASHES)
    return b"FROM %s TO <%s>\n%s%s\n\n" % (sender, recipient, bold, text)


def _value(raw: bytes) -> bytes:
    return raw.partition(b":")[2].lstrip(b" \t\r\n")

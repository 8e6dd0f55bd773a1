"""Commands that people write into a message in the place of an address. (ezmlm-request)"""

from __future__ import annotations

from .address import boxed

_LINES = 20  # of a body that are looked at
_LINE_BYTES = 500


def said(subject: bytes, body: bytes) -> bytes:
    r"""The line with the command: the subject, or the first line of the body that begins with a letter.

    >>> said(b"get 12", b""), said(b"", b"\n  help\n"), said(b"", b"-- \nhelp\n")
    (b'get 12', b'help', b'')
    """
    for line in (subject, *body.split(b"\n", _LINES)[:_LINES]):
        if line[:1] == b"-":
            break
        text = line.strip()
        if text[:1].isalpha() and len(text) <= _LINE_BYTES:
            return text
    return b""


def action(text: bytes, local: bytes, host: bytes) -> bytes:
    """What it is as the part of an address behind the list's name and a `-`; empty if it is for another list.

    `COMMAND`, `COMMAND NUMBER [NUMBER]`, `COMMAND LIST@HOST [USER@HOST]`, or the address itself.

    >>> [action(text, b"l", b"h.dom") for text in (b"Subscribe", b"get 3 9", b"subscribe l@h.dom joe@x.y")]
    [b'subscribe', b'get.3_9', b'subscribe-joe=x.y']
    >>> action(b"l-get.12@h.dom", b"l", b"h.dom"), action(b"subscribe m@h.dom", b"l", b"h.dom")
    (b'get.12', b'')
    """
    words = text.split()
    if not words:
        return b""
    first = words[0]
    if b"@" in first:
        box, _, at = first.rpartition(b"@")
        start = local.lower() + b"-"
        return box[len(start) :] if box.lower().startswith(start) and at.lower() == host.lower() else b""
    rest = words[1:]
    if rest and b"@" in rest[0] and rest[0].lower() == local.lower() + b"@" + host.lower():
        return first.lower() + (b"-" + boxed(rest[1]) if len(rest) > 1 and b"@" in rest[1] else b"")
    numbers = rest[:2]
    if numbers and all(word.isdigit() for word in numbers):
        return first.lower() + b"." + b"_".join(numbers)
    return b"" if any(b"@" in word for word in rest) else first.lower()

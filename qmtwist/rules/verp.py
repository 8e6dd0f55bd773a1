"""A sender per recipient: variable envelope return paths. (qmail-send(8); addresses(5))"""

from __future__ import annotations

from qmtwist.mail.address import split


def expand(sender: bytes, recipient: bytes) -> bytes:
    """The sender that one delivery sees.

    A sender `prefix@host-@[]` becomes `prefix` + recipient's local part + `=` + its domain + `@host`; others stay.

    >>> expand(b"list-owner-@h.example-@[]", b"joe@x.example")
    b'list-owner-joe=x.example@h.example'
    """
    if not sender.endswith(b"-@[]"):
        return sender
    prefix, at, host = sender[:-4].rpartition(b"@")
    local, domain = split(recipient)
    if not at or domain is None:
        return sender
    return prefix + local + b"=" + domain + b"@" + host


def is_variable(sender: bytes) -> bool:
    """Whether each recipient may see a sender of its own.

    >>> is_variable(b"list-owner-@h-@[]"), is_variable(b"#@[]")
    (True, False)
    """
    return sender.endswith(b"-@[]")


def bounce_recipient(sender: bytes) -> bytes:
    """Where the bounce of a message goes: the sender without the VERP mark.

    >>> bounce_recipient(b"list-owner-@h-@[]"), bounce_recipient(b"joe@h")
    (b'list-owner-@h', b'joe@h')
    """
    return sender.removesuffix(b"-@[]") or sender

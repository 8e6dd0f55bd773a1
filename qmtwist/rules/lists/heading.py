"""The header of a message that came to a list, and why a list does not want the message. (ezmlm-send, ezmlm-manage)"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.header import Field, field_name
from qmtwist.mail.shapes import NamedTuple

LIMIT_BYTES = 1 << 20
"""How long a header may be."""


class Cut(NamedTuple):
    """A message cut in two: the fields, and what follows, which begins with the empty line if there is one."""

    fields: list[Field]
    rest: bytes


def header_end(data: bytes | bytearray, start: int = 0) -> int:
    r"""Where the empty line begins that ends the header, or -1 if it has not come yet.

    >>> header_end(b"a: b\n\nc"), header_end(b"\nc"), header_end(b"a: b\r\n\r\n"), header_end(b"a: b\n")
    (5, 0, 6, -1)
    """
    if data.startswith((b"\n", b"\r\n")):
        return 0
    ends = [at + 1 for at in (data.find(b"\n\n", start), data.find(b"\n\r\n", start)) if at >= 0]
    return min(ends, default=-1)


def cut(data: bytes) -> Cut:
    r"""Cut the beginning of a message; without an empty line all of it is header. A line that is no field has no name.

    >>> cut(b"A: b\n c\nX\n\nd").fields
    [Field(name=b'a', raw=b'A: b\n c\n'), Field(name=b'', raw=b'X\n')]
    """
    end = header_end(data)
    head, rest = (data, b"") if end < 0 else (data[:end], data[end:])
    lines: list[list[bytes]] = []  # of each field
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1].append(line)
        elif line:
            lines.append([line])
    fields = [Field(field_name(field[0]) or b"", b"\n".join(field) + b"\n") for field in lines]
    return Cut(fields, rest)


def value(field: Field) -> bytes:
    r"""What a field says, on one line.

    >>> value(Field(b"a", b"A: b\n  c\n"))
    b'b  c'
    """
    return field.raw.partition(b":")[2].replace(b"\r", b"").replace(b"\n", b"").strip()


def refuse_bounce(sender: bytes | None) -> None:
    """:raises Permanent: nobody sent this message, so it is neither posted nor answered."""
    if sender is not None and sender in (b"", b"#@[]"):
        raise Permanent("I do not reply to bounce messages", "5.7.2")


def refuse_nameless(sender: bytes) -> None:
    """:raises Permanent: an answer could not be sent."""
    if b"@" not in sender:
        raise Permanent("I do not reply to senders without host names", "5.7.2")


def refuse_loop(fields: list[Field], mark: bytes, is_sublist: bool = False) -> None:
    """`mark` is what our own Delivered-To field says.

    :raises Permanent: the message has been here, or at another list, or not at the parent of a sublist.
    """
    from_list = False
    for field in fields:
        if field.name == b"mailing-list":
            from_list = True
            if not is_sublist:
                raise Permanent("message already has a Mailing-List header (maybe I should be a sublist)", "5.7.2")
        if field.name == b"delivered-to" and value(field).lower() == mark.lower():
            raise Permanent("this message is looping: it already has my Delivered-To line", "5.4.6")
    if is_sublist and not from_list:
        raise Permanent("sublist messages must have a Mailing-List header", "5.7.2")


def refuse_stranger(sender: bytes | None, parent: bytes) -> None:
    """:raises Permanent: a sublist's message does not come from its parent list, whose address is `parent`."""
    local, at, host = parent.rpartition(b"@")
    from_local, _, from_host = (sender or b"").removesuffix(b"-@[]").rpartition(b"@")
    if not at or not from_local.startswith(local) or from_host.lower() != host.lower():
        raise Permanent("this message is not from my parent list", "5.7.2")

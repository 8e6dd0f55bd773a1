"""The text of a .qmail file (or of the default delivery) to delivery instructions. (dot-qmail(5))"""

from __future__ import annotations

from qmtwist.mail.shapes import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["mbox", "maildir", "program", "forward"]

FIRST_BLANK = b"Uh-oh: first line of .qmail file is blank. (#4.2.1)"
FILE_FORBIDDEN = b"Uh-oh: .qmail has file delivery but has x bit set. (#4.7.0)"
PROGRAM_FORBIDDEN = b"Uh-oh: .qmail has prog delivery but has x bit set. (#4.7.0)"


class Instruction(NamedTuple):
    """One delivery line: what to do, and the file name, shell command or address as written; `line` counts from 1."""

    kind: Kind
    value: bytes
    line: int


class Instructions(NamedTuple):
    """What a file says up to its end or its first mistake; `mistake` is the report of a deferral, without line end."""

    lines: tuple[Instruction, ...]
    mistake: bytes | None


def parse(text: bytes, is_forward_only: bool = False) -> Instructions:
    r"""The instructions of a file, in order. A file with a mistake is not to be carried out, not even its good lines.

    Trailing spaces and tabs of a line do not count, leading ones do. `is_forward_only` (the file's x bit) and the line
    `+list` forbid files and programs.

    >>> [tuple(instruction) for instruction in parse(b"# mine\n./Maildir/ \n&fred@example.net").lines]
    [('maildir', b'./Maildir/', 2), ('forward', b'fred@example.net', 3)]
    >>> parse(b"\n./Mailbox\n").mistake
    b'Uh-oh: first line of .qmail file is blank. (#4.2.1)'
    """
    found: list[Instruction] = []
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.rstrip(b" \t")
        first = line[:1]
        if not first:
            if number == 1:
                return Instructions((), FIRST_BLANK)
        elif first == b"+":
            is_forward_only = is_forward_only or line == b"+list"
        elif first != b"#":
            instruction = _instruction(first, line, number)
            if is_forward_only and instruction.kind != "forward":
                mistake = PROGRAM_FORBIDDEN if instruction.kind == "program" else FILE_FORBIDDEN
                return Instructions(tuple(found), mistake)
            found.append(instruction)
    return Instructions(tuple(found), None)


def _instruction(first: bytes, line: bytes, number: int) -> Instruction:
    if first == b"." or first == b"/":
        return Instruction("maildir" if line.endswith(b"/") else "mbox", line, number)
    if first == b"|":
        return Instruction("program", line[1:], number)
    return Instruction("forward", line[1:] if first == b"&" else line, number)


def address_mistake(instruction: Instruction) -> bytes | None:
    """The report of a deferral when a forward line is written like a header field and no mail could ever arrive there.

    Addresses are not parsed, so `<user@host>`, `Joe <user@host>` and ` user@host` would be sent to strange hosts and
    strangers would get the bounces. A bare `&` is left alone.

    >>> address_mistake(Instruction("forward", b"joe@host", 1)) is None
    True
    >>> address_mistake(Instruction("forward", b"<joe@host>", 3))
    b'Uh-oh: line 3 of .qmail file must be a plain address, without <>: <joe@host>. (#4.2.1)'
    """
    address = instruction.value
    if instruction.kind != "forward":
        return None
    if has_brackets(address):
        what = b"without <>"
    elif address[:1] in (b" ", b"\t"):
        what = b"without blanks before it"
    else:
        return None
    return b"Uh-oh: line %d of .qmail file must be a plain address, %s: %s. (#4.2.1)" % (
        instruction.line, what, address.strip(b" \t"),
    )  # fmt: skip


def has_brackets(address: bytes) -> bool:
    """Whether a forward address is written in angle brackets, with or without a name before them.

    >>> has_brackets(b"Joe <joe@host>"), has_brackets(b"a<b@host")
    (True, False)
    """
    return address.endswith(b">") and b"<" in address


def c_string(value: bytes) -> bytes:
    r"""A name, command or address as the system takes it: up to its first NUL.

    >>> c_string(b"./Mailbox\0 and more")
    b'./Mailbox'
    """
    return value.partition(b"\0")[0]

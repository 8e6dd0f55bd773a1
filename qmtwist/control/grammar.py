"""How a control file is read: a line, a number, a list, a map. (qmail-control(5))

The parsing functions are pure: bytes in, values out. The `read_` functions open `HOME/control/NAME`; they import
nothing but `os`, so that programs which live for a few milliseconds can afford them. They see exactly what qmail's
programs see: blanks at the end of a line do not count, blanks at its start do; a number is the digits a file
begins with. `load` checks more and complains; these do not.
"""

from __future__ import annotations

import os

BLANKS = b" \t\n"
DIGITS = b"0123456789"


def parse_line(data: bytes) -> bytes:
    r"""The value of a one-line file: its first line without the blanks at its end.

    >>> parse_line(b"mail.example.org  \nthe rest is not read\n")
    b'mail.example.org'
    """
    return data.split(b"\n", 1)[0].rstrip(BLANKS)


def parse_number(data: bytes) -> int | None:
    r"""The digits that the first line begins with; None if it begins with something else.

    >>> parse_number(b"7x\n"), parse_number(b"-5\n"), parse_number(b" 7\n")
    (7, None, None)
    """
    line = parse_line(data)
    digits = line[: len(line) - len(line.lstrip(DIGITS))]
    # nobody means a number of 20 digits; without the cut a long file would cost quadratic time
    return int(digits[:20]) if digits else None


def numbered_lines(data: bytes) -> list[tuple[int, bytes]]:
    r"""The lines of a list file that count, each with its number in the file (from 1).

    Blanks at the end of a line are cut, those at its start belong to it. Empty lines and lines that start with `#`
    are left out. The last line needs no LF.

    >>> numbered_lines(b"# ours\n\nexample.org \n.example.net")
    [(3, b'example.org'), (4, b'.example.net')]
    """
    stripped = ((number, line.rstrip(BLANKS)) for number, line in enumerate(data.split(b"\n"), 1))
    return [(number, line) for number, line in stripped if line and not line.startswith(b"#")]


def parse_list(data: bytes) -> list[bytes]:
    """The lines of a list file that count, in order, case kept."""
    return [line for _, line in numbered_lines(data)]


def parse_names(lines: list[bytes]) -> frozenset[bytes]:
    """A list whose entries are looked up exactly but for ASCII case: all lower case here."""
    return frozenset(line.lower() for line in lines)


def parse_map(lines: list[bytes]) -> dict[bytes, bytes]:
    """`key:value` lines: the key ends at the first colon and is made lower case, the value is kept as written.

    A line without a colon is ignored. Where a key occurs twice the last line wins.

    >>> parse_map([b"A.example:joe", b"a.example:ann", b"nonsense", b"b.example:"])
    {b'a.example': b'ann', b'b.example': b''}
    """
    found: dict[bytes, bytes] = {}
    for line in lines:
        key, colon, value = line.partition(b":")
        if colon:
            found[key.lower()] = value
    return found


def parse_text(data: bytes) -> bytes:
    """A file of several lines taken as it is, as a shell's backquotes do: only the LFs at its end are cut."""
    return data.rstrip(b"\n")


def path_from(home: str, line: bytes) -> str | None:
    """The path of a file that a control file names, absolute or below the home; None if it names none.

    >>> path_from("/var/qmail", b"control/ca.pem")
    '/var/qmail/control/ca.pem'
    """
    return os.path.join(home, os.fsdecode(line)) if line else None


def quoted(data: bytes) -> str:
    r"""Foreign bytes for a complaint: escaped, and short.

    >>> print(quoted(b"a\n"))
    'a\n'
    """
    return repr(data[:60])[1:]


def control_path(home: str, name: str) -> str:
    """Where a control file lives."""
    return f"{home}/control/{name}"


def read_file(home: str, name: str) -> bytes | None:
    """The content of a control file; None if there is no such file.

    :raises OSError: the file is there and cannot be read, or is a symbolic link to nothing. That is never the same
        as an absent file: an unreadable `rcpthosts` must not open a relay.
    """
    path = control_path(home, name)
    try:
        # O_NONBLOCK: a fifo put here by mistake must not stop a server
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        if os.path.islink(path):
            raise
        return None
    try:
        pieces = []
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)
    finally:
        os.close(descriptor)
    return b"".join(pieces)


def read_line(home: str, name: str) -> bytes | None:
    """The value of a one-line file; None if there is no such file, `b""` if it is empty.

    :raises OSError: as `read_file`.
    """
    data = read_file(home, name)
    return None if data is None else parse_line(data)


def read_list(home: str, name: str) -> list[bytes] | None:
    """The entries of a list file, in order; None if there is no such file, `[]` if it says nothing.

    :raises OSError: as `read_file`.
    """
    data = read_file(home, name)
    return None if data is None else parse_list(data)


def read_number(home: str, name: str, default: int) -> int:
    """The number in a file; `default` if there is no such file or it does not begin with a digit.

    :raises OSError: as `read_file`.
    """
    data = read_file(home, name)
    number = None if data is None else parse_number(data)
    return default if number is None else number


def read_map(home: str, name: str) -> dict[bytes, bytes]:
    """The map in a file, keys lower case; empty if there is no such file.

    :raises OSError: as `read_file`.
    """
    return parse_map(read_list(home, name) or [])

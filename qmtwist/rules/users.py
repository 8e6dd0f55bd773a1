"""users/assign into the records of users/cdb, and from a local part to the account that serves it.

Pure: who owns which home and what the password file says is asked by `control.users`. (qmail-users(5), qmail-newu(8),
qmail-lspawn(8), qmail-getpw(8))
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.mail.shapes import Iterable, Iterator, NamedTuple

BREAK = b"-"
LONGEST_NAME = 31  # bytes; longer candidates are never looked up
WILDCARDS = b""  # the key of the set of last bytes of all wildcards
BUG = "Internal qmail-lspawn bug."


class Account(NamedTuple):
    """Who serves a local part: whose rights are used, from which home, and with which .qmail files."""

    user: bytes
    uid: int
    gid: int
    home: bytes
    dash: bytes
    ext: bytes


class Candidate(NamedTuple):
    """A password file name that may serve a local part, and what is left for its .qmail files."""

    name: bytes
    dash: bytes
    ext: bytes


class Probe(NamedTuple):
    """A key of users/cdb to try, and what to append to its data when it is there."""

    key: bytes
    rest: bytes


def assign_records(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The records of users/cdb for the lines of users/assign (each with its LF), in order.

    :raises Malformed: a line that is no assignment, or no final line with a dot; the text has the line number. What
        came before has been yielded already.
    """
    wildcards = b""
    number = 0
    for number, line in enumerate(lines, 1):
        if line.startswith(b"."):
            yield WILDCARDS, wildcards
            return
        address, colon, rest = line.partition(b":")
        fields = rest.split(b":")
        if not line.endswith(b"\n") or b"\0" in line or not colon or not address or len(fields) < 7:
            raise Malformed(f"line {number} is not an assignment")
        key = b"!" + address[1:].lower()
        if address[:1] != b"+":  # everything else counts as `=`, as in qmail
            key += b"\0"
        elif len(address) > 1 and address[-1:] not in wildcards:
            wildcards += address[-1:]
        yield key, b"\0".join(fields[:6])
    raise Malformed(f"no line with a dot ends the file of {number} lines")


def probes(local: bytes, wildcards: bytes) -> Iterator[Probe]:
    """The keys to try for a local part: itself, then the longest wildcard first; the first hit decides.

    >>> [probe.key for probe in probes(b"Joe-x", b"-")]
    [b'!joe-x\\x00', b'!joe-', b'!']
    """
    lower = local.lower()
    yield Probe(b"!" + lower + b"\0", b"")
    for length in range(len(lower), 0, -1):
        if lower[length - 1 : length] in wildcards:
            yield Probe(b"!" + lower[:length], local[length:])
    yield Probe(b"!", local)


def parse_account(data: bytes) -> Account:
    """The account in six fields with a NUL between them (more after a seventh NUL is dropped).

    :raises Temporary: fewer fields, or a group that is no number (it must not become group 0 by accident).
    """
    fields = data.split(b"\0")
    if len(fields) < 6 or not _leading(fields[2]):
        raise Temporary(BUG)
    return Account(fields[0], int(_leading(fields[1]) or b"0"), int(_leading(fields[2])), *fields[3:6])


def format_account(account: Account) -> bytes:
    """What qmail-getpw prints: six fields, each with a NUL behind it.

    >>> format_account(Account(b"joe", 507, 100, b"/home/joe", b"-", b"x"))
    b'joe\\x00507\\x00100\\x00/home/joe\\x00-\\x00x\\x00'
    """
    return b"%s\0%d\0%d\0%s\0%s\0%s\0" % account


def candidates(local: bytes) -> Iterator[Candidate]:
    """The account names that may serve a local part, longest first. (qmail-getpw)

    >>> list(candidates(b"Joe-A-b"))[1:]
    [Candidate(name=b'joe-a', dash=b'-', ext=b'b'), Candidate(name=b'joe', dash=b'-', ext=b'A-b')]
    """
    if len(local) <= LONGEST_NAME:
        yield Candidate(local.lower(), b"", b"")
    end = local.rfind(BREAK)
    while end >= 0:
        if end <= LONGEST_NAME:
            yield Candidate(local[:end].lower(), b"-", local[end + 1 :])
        end = local.rfind(BREAK, 0, end)


def _leading(text: bytes) -> bytes:
    """The digits that a text begins with."""
    return text[: len(text) - len(text.lstrip(b"0123456789"))]

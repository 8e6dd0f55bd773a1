"""Questions to the DNS and their answers: what the rules, the phrase book and both resolvers talk about. (RFC 1035)"""

from __future__ import annotations

from .shapes import Any, Enum, NamedTuple


class Kind:
    """The types of records that we ask for."""

    A = "A"
    AAAA = "AAAA"
    MX = "MX"
    PTR = "PTR"
    TXT = "TXT"
    CNAME = "CNAME"


class Question(NamedTuple):
    """What is asked; the name in any case, with or without its final dot."""

    name: bytes
    kind: str


class Status(Enum):
    """What became of a question."""

    FOUND = "found"
    EMPTY = "empty"  # the name exists, but has no such records
    ABSENT = "absent"  # there is no such name
    TROUBLE = "trouble"  # nobody knows; ask again later


class Answer(NamedTuple):
    r"""What is known about a question, CNAMEs followed.

    The records are, for A and AAAA, addresses as str (`"192.0.2.1"`, `"2001:db8::1"`); for MX, pairs (preference,
    name), where b"" is the root of the null MX; for PTR and CNAME, names; for TXT, bytes. Names are lower-case, without
    a final dot, and their odd bytes are written `\ddd`, as in a zone file.
    """

    status: Status
    # what a record is follows from the question's kind, which the type system cannot see
    records: tuple[Any, ...] = ()
    ttl_s: int = 0  # seconds for which it may be kept


TROUBLE = Answer(Status.TROUBLE)

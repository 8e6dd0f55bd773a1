"""DNS messages to and from bytes, by dnspython. (RFC 1035 §4, 6891)

Importing this takes about 50 ms, several times what starting Python takes: import it where the first query is made.
"""

from __future__ import annotations

import struct

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype

from qmtwist.mail.dns import Kind, Question
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import Any, NamedTuple

EDNS_PAYLOAD = 1232  # bytes; what gets through without fragments nearly everywhere
HEADER_BYTES = 12
QR, TC = 0x8000, 0x0200

_KINDS = {
    dns.rdatatype.from_text(kind): kind for kind in vars(Kind).values() if isinstance(kind, str) and kind.isupper()
}
_ERRORS = (dns.exception.DNSException, ValueError, IndexError, KeyError, TypeError, AttributeError, struct.error)


class Record(NamedTuple):
    """What one name has of one kind."""

    ttl_s: int
    values: tuple[Any, ...]  # as in mail.dns.Answer


class Reply(NamedTuple):
    """A server's answer, as far as it matters to a stub resolver."""

    question: Question | None  # None: the server left it out, as some do with an error
    code: int  # RCODE, the EDNS bits included
    is_truncated: bool
    is_authoritative: bool
    offers_recursion: bool
    records: dict[Question, Record]  # the answer section
    negative_ttl_s: int | None  # from the SOA; None: there is none
    has_referral: bool  # NS records in the authority section


def encode_query(question: Question, number: int, is_edns: bool) -> bytes:
    """A query with the id `number`.

    :raises Malformed: no name in the DNS can look like that.
    """
    name = _name(question.name)
    flags = {"use_edns": 0, "payload": EDNS_PAYLOAD} if is_edns else {"use_edns": False}
    query = dns.message.make_query(name, dns.rdatatype.from_text(question.kind), id=number, **flags)
    return query.to_wire()


def reply_number(data: bytes) -> int:
    """The id of a message, which may be nonsense otherwise; -1 if it has none."""
    return int.from_bytes(data[:2], "big") if len(data) >= 2 else -1


def parse_reply(data: bytes) -> Reply:
    """What a server sent.

    :raises Malformed: this is no answer, or a broken one.
    """
    if len(data) < HEADER_BYTES:
        raise Malformed("a DNS message of less than 12 bytes")
    flags = int.from_bytes(data[2:4], "big")
    if not flags & QR:
        raise Malformed("a query, not an answer")
    is_truncated = bool(flags & TC)
    try:
        # what is left of a truncated answer may end in the middle of a record, and is of no use
        message = dns.message.from_wire(data, question_only=is_truncated, ignore_trailing=True)
        return _reply(message, is_truncated)
    except _ERRORS as error:
        raise Malformed(f"a broken DNS message: {error}")


def _reply(message: dns.message.Message, is_truncated: bool) -> Reply:
    if message.opcode() != 0 or len(message.question) > 1:
        raise Malformed("an answer to something else")
    question = None
    for asked in message.question:
        if asked.rdclass != dns.rdataclass.IN:
            raise Malformed("a question of another class")
        question = Question(decode_name(asked.name), _KINDS.get(asked.rdtype, ""))
    return Reply(
        question,
        int(message.rcode()),
        is_truncated,
        bool(message.flags & dns.flags.AA),
        bool(message.flags & dns.flags.RA),
        _records(message.answer),
        _negative_ttl_s(message.authority),
        any(rrset.rdtype == dns.rdatatype.NS for rrset in message.authority),
    )


def _records(section: list[Any]) -> dict[Question, Record]:
    found: dict[Question, Record] = {}
    for rrset in section:
        kind = _KINDS.get(rrset.rdtype)
        if kind is not None and rrset.rdclass == dns.rdataclass.IN:
            values = tuple(_value(kind, record) for record in rrset)
            found[Question(decode_name(rrset.name), kind)] = Record(rrset.ttl, values)
    return found


def _value(kind: str, record: Any) -> Any:
    """One record as `mail.dns.Answer` describes it."""
    if kind in (Kind.A, Kind.AAAA):
        return record.address
    if kind == Kind.MX:
        return record.preference, decode_name(record.exchange)
    if kind == Kind.TXT:
        return b"".join(record.strings)
    return decode_name(record.target)


def _negative_ttl_s(section: list[Any]) -> int | None:
    # RFC 2308 §5: the smaller one of the SOA's own TTL and its last field
    soas = [rrset for rrset in section if rrset.rdtype == dns.rdatatype.SOA]
    return min(min(soa.ttl, soa[0].minimum) for soa in soas) if soas else None


# -- names


def canonical(name: bytes) -> bytes:
    r"""A name as replies have it: lower case, no final dot, odd bytes as `\ddd`.

    :raises Malformed: no name in the DNS can look like that.

    >>> canonical(b"Mail.Example.ORG."), canonical(b"caf\xe9.example")
    (b'mail.example.org', b'caf\\233.example')
    """
    return decode_name(_name(name))


def _name(name: bytes) -> dns.name.Name:
    """A name of the labels between the dots."""
    labels = [_unescaped(label) for label in name.removesuffix(b".").split(b".")]
    if not all(labels):
        raise Malformed("a DNS name with an empty label")
    try:
        return dns.name.Name([*labels, b""])
    except dns.exception.DNSException as error:
        raise Malformed(f"no DNS name: {error}")


def decode_name(name: dns.name.Name) -> bytes:
    r"""A name in lower case without its final dot; b"" is the root. Dots inside a label and odd bytes become `\ddd`."""
    return b".".join([_escaped(label) for label in name.labels[:-1]]).lower()


def _escaped(label: bytes) -> bytes:
    if label.replace(b"-", b"").replace(b"_", b"").isalnum():
        return label
    return b"".join([b"%c" % byte if 33 <= byte <= 126 and byte not in b".\\" else b"\\%03d" % byte for byte in label])


def _unescaped(label: bytes) -> bytes:
    start, *parts = label.split(b"\\")
    for part in parts:
        if not part[:3].isdigit() or len(part) < 3 or int(part[:3]) > 255:
            raise Malformed("a DNS name with a wrong escape")
        start += bytes([int(part[:3])]) + part[3:]
    return start

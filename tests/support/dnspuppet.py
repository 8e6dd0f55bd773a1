"""A DNS message of any kind, in answer to a query."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


def reply(
    query: bytes,
    *answer: str,
    code: str = "NOERROR",
    authority: tuple[str, ...] = (),
    flags: int = dns.flags.QR | dns.flags.RD | dns.flags.RA,
    number: int | None = None,
    question: str | None = None,
) -> bytes:
    """An answer to `query`. Records are lines like `far.example. 300 IN MX 10 mx.far.example.`.

    `question` is asked instead of the query's, as `name kind`; empty: none at all.
    """
    asked = dns.message.from_wire(query)
    made = dns.message.Message(asked.id if number is None else number)
    made.flags = dns.flags.Flag(flags)
    made.question = list(asked.question)
    if question is not None:
        made.question = [dns.rrset.from_text(question.split()[0], 0, "IN", question.split()[1])] if question else []
    made.answer = [_record(line) for line in answer]
    made.authority = [_record(line) for line in authority]
    made.set_rcode(dns.rcode.from_text(code))
    return made.to_wire(max_size=65535)


def _record(line: str) -> dns.rrset.RRset:
    name, ttl, kind, data = line.replace(" IN ", " ").split(" ", 3)
    return dns.rrset.from_text(name, int(ttl), "IN", kind, data)


def asked(query: bytes) -> tuple[str, str, bool]:
    """Name and kind of a query, and whether it has EDNS."""
    message = dns.message.from_wire(query)
    first = message.question[0]
    return first.name.to_text(), dns.rdatatype.to_text(first.rdtype), message.edns >= 0

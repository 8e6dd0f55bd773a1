"""The files of remote delivery, line by line: what `directory` needs to know about them."""

from __future__ import annotations

from qmtwist.mail import literal
from qmtwist.mail.errors import Malformed
from qmtwist.rules import outgoing, smarthost, tlspolicy
from qmtwist.wire import nameserver

from . import grammar
from .complaints import Notes
from .plainlines import parse_map
from .row import Row

Lines = tuple[bytes, ...]


def parse_routes(notes: Notes, row: Row, data: bytes) -> dict[bytes, bytes]:
    """`host:relay` or `host:relay:port`, in qmtproutes also with `/tls`.

    What qmail takes silently in smtproutes is only warned about.
    """
    complain = notes.warn if row.is_classic else notes.refuse
    for number, line in grammar.numbered_lines(data):
        why = smarthost.objection(line.partition(b":")[2], may_be_tls=row.name == "qmtproutes")
        if why:
            complain(row, number, f"{grammar.quoted(line)}: {why}")
    return parse_map(notes, row, data)


def parse_policies(notes: Notes, row: Row, data: bytes) -> dict[bytes, bytes]:
    """`domain:policy` for TLS. A line that says nothing would leave its domain unprotected, so it is refused."""
    for number, line in grammar.numbered_lines(data):
        _, colon, policy = line.partition(b":")
        try:
            if not colon:
                raise Malformed("write `domain:policy`")
            tlspolicy.parse_policy(policy)
        except Malformed as error:
            notes.refuse(row, number, f"{grammar.quoted(line)}: {error.text}")
    return parse_map(notes, row, data)


def parse_pins(notes: Notes, row: Row, data: bytes) -> dict[bytes, bytes]:
    """Keys of clients, each perhaps with a name after a blank: pins in lower case and the names."""
    found: dict[bytes, bytes] = {}
    for number, line in grammar.numbered_lines(data):
        word, _, name = line.partition(b" ")
        pin = tlspolicy.parse_pin(word)
        if pin is None:
            notes.refuse(row, number, f"{grammar.quoted(word)} is no pin, as `qmtwist tlskey` prints them")
        else:
            found[pin] = name.strip() or pin[:8]
    return found


def parse_outgoing(notes: Notes, row: Row, data: bytes) -> Lines:
    """Addresses that mail leaves from, each perhaps with a sender's domain before it."""
    seen: dict[tuple[str, bytes], int] = {}
    for number, line in grammar.numbered_lines(data):
        try:
            family, domain, _ = outgoing.parse_line(line)
        except Malformed as error:
            notes.refuse(row, number, f"{grammar.quoted(line)}: {error.text}")
            continue
        if (family, domain) in seen:
            first = seen[family, domain]
            notes.warn(row, number, f"line {first} gives another address of the same kind; this line wins")
        seen[family, domain] = number
    return tuple(grammar.parse_list(data))


def parse_addresses(notes: Notes, row: Row, data: bytes) -> Lines:
    """IP addresses."""
    for number, line in grammar.numbered_lines(data):
        if literal.parse_address(line) is None:
            notes.refuse(row, number, f"{grammar.quoted(line)} is no IP address")
    return tuple(grammar.parse_list(data))


def parse_nameservers(notes: Notes, row: Row, data: bytes) -> Lines:
    """IP addresses, each perhaps with a port after a blank."""
    for number, line in grammar.numbered_lines(data):
        if nameserver.parse_server(line) is None:
            notes.refuse(row, number, f"{grammar.quoted(line)}: write `address` or `address port`")
    return tuple(grammar.parse_list(data))


def parse_families(notes: Notes, row: Row, data: bytes) -> bytes:
    """Kinds of addresses, in order."""
    line = grammar.parse_line(data)
    try:
        outgoing.parse_families(line)
    except Malformed as error:
        notes.refuse(row, 1, f"{grammar.quoted(line)}: {error.text}")
    return line

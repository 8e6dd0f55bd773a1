"""The files of the SMTP service that have a language of their own: what `directory` needs to know about them."""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.rules import autoturn, dnsbl
from qmtwist.rules.clienttable import ClientTable
from qmtwist.rules.rewrite import parse_rule
from qmtwist.rules.tcprules import BadRule

from . import grammar
from .complaints import Notes
from .row import Row


def parse_blocklists(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Options of rblsmtpd. A line that says nothing would let in whom it should keep out, so it is refused."""
    options = dnsbl.Options()
    for number, line in grammar.numbered_lines(data):
        try:
            dnsbl.parse_line(options, line)
        except Malformed as error:
            notes.refuse(row, number, f"{grammar.quoted(line)}: {error.text}")
    if not options.plan.lists and not notes.errors:
        notes.warn(row, 0, "names no list: write -r LIST")
    return tuple(grammar.parse_list(data))


def parse_turns(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Clients whose mail is sent back to them."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        try:
            autoturn.Customers([line])
        except Malformed as error:
            notes.refuse(row, number, f"{grammar.quoted(line)}: {_why(error)}")
    return tuple(line for _, line in lines)


def parse_clients(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Addresses of clients."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        try:
            ClientTable([line])
        except Malformed as error:
            notes.refuse(row, number, f"{grammar.quoted(line)}: {_why(error)}")
    return tuple(line for _, line in lines)


def parse_rewrites(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Rewriting rules. mess822 takes any line; one that says nothing is named."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        if parse_rule(line) is None:
            notes.warn(row, number, f"{grammar.quoted(line)} is no rule such as =post:new, and says nothing")
    return tuple(line for _, line in lines)


def parse_spf_rules(notes: Notes, row: Row, data: bytes) -> bytes:
    """Mechanisms, on one line or several."""
    from qmtwist.rules.spf.check import parse_own  # few files have them, and it is large

    lines = grammar.numbered_lines(data)
    for number, line in lines:
        try:
            parse_own(line)
        except Malformed:
            notes.refuse(row, number, f"{grammar.quoted(line)}: write mechanisms such as ip4:192.0.2.7 a:host.example")
    return b" ".join(line for _, line in lines)


def parse_spf_words(notes: Notes, row: Row, data: bytes) -> bytes:
    """A line for clients who are turned away."""
    from qmtwist.rules.spf.policy import check_words

    line = grammar.parse_line(data)
    try:
        check_words(line)
    except Malformed as error:
        notes.refuse(row, 1, f"{grammar.quoted(line)}: {error.text}")
    return line


def _why(error: Malformed) -> str:
    return "this is no address" if isinstance(error, BadRule) else error.text

"""The control files that are a word, a number, a list or a map: their content, with complaints."""

from __future__ import annotations

from . import grammar
from .complaints import Notes
from .row import Row

RECIPIENT_LIMIT_BYTES = 1000


def parse_line(notes: Notes, row: Row, data: bytes) -> bytes:
    """One line as it stands."""
    return grammar.parse_line(data)


def parse_url(notes: Notes, row: Row, data: bytes) -> bytes | None:
    """Where links begin. Mail programs follow no others than https. (RFC 8058 §3.1)"""
    url = grammar.parse_line(data)
    if not url:
        return b""
    if not url.startswith(b"https://") or not all(33 <= byte < 127 and byte not in b'<>"\\^`{|}?#' for byte in url):
        notes.refuse(row, 1, f"{grammar.quoted(url)} is no link such as https://lists.example.org/leave")
        return None
    return url


def parse_host(notes: Notes, row: Row, data: bytes) -> bytes:
    """A host name."""
    host = grammar.parse_line(data)
    if b"@" in host or b" " in host or b"\t" in host:
        notes.warn(row, 1, f"{grammar.quoted(host)} does not look like a host name")
    return host


def parse_number(notes: Notes, row: Row, data: bytes) -> int | None:
    """qmail takes anything; for its own files we do too, and warn."""
    line, number = grammar.parse_line(data), grammar.parse_number(data)
    complain = notes.warn if row.is_classic else notes.refuse
    if number is None:
        complain(row, 1, f"{grammar.quoted(line)} is no number; {_range(row)}" + _kept(row))
        return None
    if not line.isdigit():
        complain(row, 1, f"{grammar.quoted(line)} is read as {number}")
    if not row.minimum <= number <= row.maximum:
        complain(row, 1, f"{number} is out of range; {_range(row)}")
    return min(max(number, row.minimum), row.maximum)


def parse_hosts(notes: Notes, row: Row, data: bytes) -> frozenset[bytes]:
    """A list of host names."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        if b"@" in line or b"*" in line or line[:1] in b" \t":
            notes.warn(row, number, f"{grammar.quoted(line)} does not look like a host name and will match nothing")
    return grammar.parse_names([line for _, line in lines])


def parse_addresses(notes: Notes, row: Row, data: bytes) -> frozenset[bytes]:
    """A list of addresses, or of `@host`."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        if b"@" not in line:
            notes.warn(row, number, f"{grammar.quoted(line)} has no @; for a whole host write @host")
    return grammar.parse_names([line for _, line in lines])


def parse_recipients(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """A list of recipients, which may be local parts alone; the case of those is kept."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        if len(line) > RECIPIENT_LIMIT_BYTES or b"\0" in line:
            notes.refuse(row, number, f"{grammar.quoted(line[:40])} is no address")
    return tuple(line for _, line in lines)


def parse_map(notes: Notes, row: Row, data: bytes) -> dict[bytes, bytes]:
    """Lines `key:value`; the last one of a key counts."""
    lines = grammar.numbered_lines(data)
    seen: dict[bytes, int] = {}
    for number, line in lines:
        key, colon, _ = line.lower().partition(b":")
        if not colon:
            notes.warn(row, number, f"{grammar.quoted(line)} has no colon and is ignored")
        elif key in seen:
            notes.warn(row, number, f"{grammar.quoted(key)} stands in line {seen[key]} too; this line wins")
        seen[key] = number
    return grammar.parse_map([line for _, line in lines])


def parse_servers(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """A list of servers, with or without port."""
    return tuple(grammar.parse_list(data))


def parse_endpoints(notes: Notes, row: Row, data: bytes) -> tuple[bytes, ...]:
    """Twisted endpoint descriptions, one a line."""
    lines = grammar.numbered_lines(data)
    for number, line in lines:
        if b":" not in line or line[:1] in b" \t:":
            notes.refuse(row, number, f"{grammar.quoted(line)} is no endpoint; write for example tcp:25")
    return tuple(line for _, line in lines)


def parse_delivery(notes: Notes, row: Row, data: bytes) -> bytes:
    """Delivery instructions, as many lines as there are."""
    text = grammar.parse_text(data)
    if not text.strip():
        notes.refuse(row, 0, "is empty and would throw mail away; write ./Mailbox, ./Maildir/ or, to mean it, #")
    return text


def _range(row: Row) -> str:
    return f"allowed is {row.minimum} to {row.maximum}"


def _kept(row: Row) -> str:
    return f"; the default {row.default!r} is used" if row.is_classic else ""

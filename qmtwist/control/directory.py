"""One reading of the control directory: each file by its row, with every complaint. `load` and `remote` use it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from . import grammar, remotelines, schema, smtplines
from .row import Kind, Row

Value = bytes | int | frozenset[bytes] | dict[bytes, bytes] | tuple[bytes, ...] | None


class Complaint(NamedTuple):
    """What is wrong where; `line` counts from 1, 0 is the whole file. The text says what is allowed."""

    name: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"control/{self.name}" + (f":{self.line}" if self.line else "")
        return f"{place}: {self.text}"


class Complaints(Exception):
    """The control directory cannot be used; `complaints` has every reason, `warnings` what else was seen."""

    def __init__(self, complaints: tuple[Complaint, ...], warnings: tuple[Complaint, ...] = ()) -> None:
        super().__init__("; ".join(map(str, complaints)))
        self.complaints = complaints
        self.warnings = warnings


class Directory:
    """One reading of HOME/control: the values found, and all complaints. Lives as long as one `load`."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.values: dict[str, Value] = {}  # of the files that exist
        self.errors: list[Complaint] = []
        self.warnings: list[Complaint] = []

    def read(self, row: Row) -> None:
        """Take one file into `values`, or complain about it."""
        if row.kind is Kind.TABLE:
            return  # its readers open it; whether it exists is asked at the end
        try:
            data = grammar.read_file(self.home, row.name)
        except OSError as trouble:
            self.errors.append(Complaint(row.name, 0, f"cannot be read: {trouble.strerror}"))
            return
        if data is None:
            return
        if b"\r" in data:
            self.warn(row, data[: data.index(b"\r")].count(b"\n") + 1, "has a carriage return, which is kept")
        value = PARSERS[row.kind](self, row, data)
        if value is not None:
            self.values[row.name] = value

    def require_a_name(self) -> None:
        """qmail starts without control/me if there are locals; we say what the names will be."""
        if "me" in self.values:
            if self.values["me"] == b"":
                self.warnings.append(Complaint("me", 1, "is empty; write the full host name into it"))
        elif "locals" in self.values:
            self.warnings.append(Complaint("me", 0, "is missing; host names become words such as envnoathost"))
        elif not any(complaint.name in ("me", "locals") for complaint in self.errors):
            self.errors.append(Complaint("me", 0, "is missing; write the full host name into it"))

    # -- the values, typed

    def line(self, name: str) -> bytes:
        """A line, or its default."""
        value = self.values.get(name, self._default(name))
        return value if isinstance(value, bytes) else b""

    def number(self, name: str) -> int:
        """A number, or its default."""
        value = self.values.get(name, schema.ROWS[name].default)
        assert isinstance(value, int)
        return value

    def names(self, name: str) -> frozenset[bytes] | None:
        """A list whose order does not matter; None if there is no such file."""
        value = self.values.get(name)
        return value if isinstance(value, frozenset) else None

    def map(self, name: str) -> dict[bytes, bytes]:
        """A map, empty if there is no such file."""
        value = self.values.get(name)
        return value if isinstance(value, dict) else {}

    def endpoints(self, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Endpoint descriptions."""
        value = self.values.get(name)
        return tuple(map(os.fsdecode, value)) if isinstance(value, tuple) else default

    def lines(self, name: str) -> tuple[bytes, ...]:
        """Lines in order, none if there is no such file."""
        value = self.values.get(name)
        return value if isinstance(value, tuple) else ()

    def existing(self, name: str) -> str | None:
        """The path of a file if there is one; a link to nothing counts, so that its reader complains."""
        path = grammar.control_path(self.home, name)
        return path if os.path.lexists(path) else None

    def _default(self, name: str) -> Value:
        row = schema.ROWS[name]
        return self.values.get("me", row.default) if row.follows_me else row.default

    # -- parsing with complaints

    def warn(self, row: Row, line: int, text: str) -> None:
        """Something is taken as it stands, but is probably not meant so."""
        self.warnings.append(Complaint(row.name, line, text))

    def refuse(self, row: Row, line: int, text: str) -> None:
        """Nothing can be made of it."""
        self.errors.append(Complaint(row.name, line, text))

    def parse_line(self, row: Row, data: bytes) -> Value:
        """One line as it stands."""
        return grammar.parse_line(data)

    def parse_host(self, row: Row, data: bytes) -> Value:
        """A host name."""
        host = grammar.parse_line(data)
        if b"@" in host or b" " in host or b"\t" in host:
            self.warn(row, 1, f"{grammar.quoted(host)} does not look like a host name")
        return host

    def parse_number(self, row: Row, data: bytes) -> Value:
        """qmail takes anything; for its own files we do too, and warn."""
        line, number = grammar.parse_line(data), grammar.parse_number(data)
        complain = self.warn if row.is_classic else self.refuse
        if number is None:
            complain(row, 1, f"{grammar.quoted(line)} is no number; {_range(row)}" + _kept(row))
            return None
        if not line.isdigit():
            complain(row, 1, f"{grammar.quoted(line)} is read as {number}")
        if not row.minimum <= number <= row.maximum:
            complain(row, 1, f"{number} is out of range; {_range(row)}")
        return min(max(number, row.minimum), row.maximum)

    def parse_hosts(self, row: Row, data: bytes) -> Value:
        """A list of host names."""
        lines = grammar.numbered_lines(data)
        for number, line in lines:
            if b"@" in line or b"*" in line or line[:1] in b" \t":
                self.warn(row, number, f"{grammar.quoted(line)} does not look like a host name and will match nothing")
        return grammar.parse_names([line for _, line in lines])

    def parse_addresses(self, row: Row, data: bytes) -> Value:
        """A list of addresses, or of `@host`."""
        lines = grammar.numbered_lines(data)
        for number, line in lines:
            if b"@" not in line:
                self.warn(row, number, f"{grammar.quoted(line)} has no @; for a whole host write @host")
        return grammar.parse_names([line for _, line in lines])

    def parse_map(self, row: Row, data: bytes) -> dict[bytes, bytes]:
        """Lines `key:value`; the last one of a key counts."""
        lines = grammar.numbered_lines(data)
        seen: dict[bytes, int] = {}
        for number, line in lines:
            key, colon, _ = line.lower().partition(b":")
            if not colon:
                self.warn(row, number, f"{grammar.quoted(line)} has no colon and is ignored")
            elif key in seen:
                self.warn(row, number, f"{grammar.quoted(key)} stands in line {seen[key]} too; this line wins")
            seen[key] = number
        return grammar.parse_map([line for _, line in lines])

    def parse_servers(self, row: Row, data: bytes) -> Value:
        """A list of servers, with or without port."""
        return tuple(grammar.parse_list(data))

    def parse_endpoints(self, row: Row, data: bytes) -> Value:
        """Twisted endpoint descriptions, one a line."""
        lines = grammar.numbered_lines(data)
        for number, line in lines:
            if b":" not in line or line[:1] in b" \t:":
                self.refuse(row, number, f"{grammar.quoted(line)} is no endpoint; write for example tcp:25")
        return tuple(line for _, line in lines)

    def parse_delivery(self, row: Row, data: bytes) -> Value:
        """Delivery instructions, as many lines as there are."""
        text = grammar.parse_text(data)
        if not text.strip():
            self.refuse(row, 0, "is empty and would throw mail away; write ./Mailbox, ./Maildir/ or, to mean it, #")
        return text


PARSERS: dict[Kind, Callable[[Directory, Row, bytes], Value]] = {
    Kind.HOST: Directory.parse_host,
    Kind.LINE: Directory.parse_line,
    Kind.NUMBER: Directory.parse_number,
    Kind.SWITCH: Directory.parse_number,
    Kind.HOSTS: Directory.parse_hosts,
    Kind.ADDRESSES: Directory.parse_addresses,
    Kind.MAP: Directory.parse_map,
    Kind.ROUTES: remotelines.parse_routes,
    Kind.POLICIES: remotelines.parse_policies,
    Kind.PINS: remotelines.parse_pins,
    Kind.SERVERS: Directory.parse_servers,
    Kind.IPS: remotelines.parse_addresses,
    Kind.NAMESERVERS: remotelines.parse_nameservers,
    Kind.OUTGOING: remotelines.parse_outgoing,
    Kind.FAMILIES: remotelines.parse_families,
    Kind.ENDPOINTS: Directory.parse_endpoints,
    Kind.BLOCKLISTS: smtplines.parse_blocklists,
    Kind.TURNS: smtplines.parse_turns,
    Kind.CLIENTS: smtplines.parse_clients,
    Kind.DELIVERY: Directory.parse_delivery,
}


def _range(row: Row) -> str:
    return f"allowed is {row.minimum} to {row.maximum}"


def _kept(row: Row) -> str:
    return f"; the default {row.default!r} is used" if row.is_classic else ""

"""One reading of the control directory: each file by its row, with every complaint. `load` and `remote` use it."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Callable

from . import grammar, plainlines, remotelines, schema, smtplines
from .complaints import Complaint, Notes
from .row import Kind, Row

Value = bytes | int | frozenset[bytes] | dict[bytes, bytes] | tuple[bytes, ...] | None


class Directory(Notes):
    """One reading of HOME/control: the values found, and all complaints. Lives as long as one `load`."""

    def __init__(self, home: str) -> None:
        super().__init__()
        self.home = home
        self.values: dict[str, Value] = {}  # of the files that exist

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


PARSERS: dict[Kind, Callable[[Notes, Row, bytes], Value]] = {
    Kind.HOST: plainlines.parse_host,
    Kind.LINE: plainlines.parse_line,
    Kind.NUMBER: plainlines.parse_number,
    Kind.SWITCH: plainlines.parse_number,
    Kind.HOSTS: plainlines.parse_hosts,
    Kind.ADDRESSES: plainlines.parse_addresses,
    Kind.RECIPIENTS: plainlines.parse_recipients,
    Kind.MAP: plainlines.parse_map,
    Kind.ROUTES: remotelines.parse_routes,
    Kind.POLICIES: remotelines.parse_policies,
    Kind.PINS: remotelines.parse_pins,
    Kind.SERVERS: plainlines.parse_servers,
    Kind.IPS: remotelines.parse_addresses,
    Kind.NAMESERVERS: remotelines.parse_nameservers,
    Kind.OUTGOING: remotelines.parse_outgoing,
    Kind.FAMILIES: remotelines.parse_families,
    Kind.ENDPOINTS: plainlines.parse_endpoints,
    Kind.URL: plainlines.parse_url,
    Kind.BLOCKLISTS: smtplines.parse_blocklists,
    Kind.SPFRULES: smtplines.parse_spf_rules,
    Kind.SPFWORDS: smtplines.parse_spf_words,
    Kind.TURNS: smtplines.parse_turns,
    Kind.REWRITES: smtplines.parse_rewrites,
    Kind.CLIENTS: smtplines.parse_clients,
    Kind.DELIVERY: plainlines.parse_delivery,
}

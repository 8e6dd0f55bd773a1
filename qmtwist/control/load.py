"""The control directory into one `Settings`, whole or not at all, with every complaint at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from . import grammar, schema
from .row import Kind, Row
from .settings import (
    DeliverySettings,
    ListenSettings,
    PopSettings,
    RemoteSettings,
    SendSettings,
    Settings,
    SmtpSettings,
)

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


class Loaded(NamedTuple):
    """Settings, and what was taken as qmail takes it but is probably not meant so."""

    settings: Settings
    warnings: tuple[Complaint, ...]


def load(home: str) -> Settings:
    """The settings that HOME/control asks for.

    :raises Complaints: a file cannot be read or used.
    """
    return load_with_warnings(home).settings


def load_with_warnings(home: str) -> Loaded:
    """As `load`, with what a postmaster should be told.

    :raises Complaints: a file cannot be read or used.
    """
    directory = Directory(home)
    for row in schema.ROWS.values():
        directory.read(row)
    directory.require_a_name()
    if directory.errors:
        raise Complaints(tuple(directory.errors), tuple(directory.warnings))
    return Loaded(_settings(directory), tuple(directory.warnings))


def load_remote(home: str) -> RemoteSettings:
    """What those need who send to other hosts; they may not be able to read the other files.

    :raises Complaints: a file cannot be read or used, or there is neither control/me nor control/helohost.
    """
    directory = Directory(home)
    for row in schema.ROWS.values():
        if row.name == "me" or row.field.startswith("remote."):
            directory.read(row)
    if not directory.line("me") and "helohost" not in directory.values:
        directory.errors.append(Complaint("me", 0, "is missing; write the full host name into it"))
    if directory.errors:
        raise Complaints(tuple(directory.errors), tuple(directory.warnings))
    return _remote(directory)


def stamp(home: str, section: str) -> tuple[object, ...]:
    """Something that differs when a file of one section of Settings (such as `smtp`) was changed since.

    qmail-smtpd reads its files for every connection; a service that compares stamps needs no HUP either. It costs a
    `stat` for each file.
    """
    names = ["me", *schema.GENERATED]
    names += [row.name for row in schema.ROWS.values() if row.field.startswith(section + ".")]
    return tuple(_file_stamp(grammar.control_path(home, name)) for name in names)


def _file_stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError as trouble:
        return trouble.errno
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size)


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
            self._warn(row, data[: data.index(b"\r")].count(b"\n") + 1, "has a carriage return, which is kept")
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

    def _warn(self, row: Row, line: int, text: str) -> None:
        self.warnings.append(Complaint(row.name, line, text))

    def _refuse(self, row: Row, line: int, text: str) -> None:
        self.errors.append(Complaint(row.name, line, text))

    def parse_line(self, row: Row, data: bytes) -> Value:
        """One line as it stands."""
        return grammar.parse_line(data)

    def parse_host(self, row: Row, data: bytes) -> Value:
        """A host name."""
        host = grammar.parse_line(data)
        if b"@" in host or b" " in host or b"\t" in host:
            self._warn(row, 1, f"{_quoted(host)} does not look like a host name")
        return host

    def parse_number(self, row: Row, data: bytes) -> Value:
        """qmail takes anything; for its own files we do too, and warn."""
        line, number = grammar.parse_line(data), grammar.parse_number(data)
        complain = self._warn if row.is_classic else self._refuse
        if number is None:
            complain(row, 1, f"{_quoted(line)} is no number; {_range(row)}" + _kept(row))
            return None
        if not line.isdigit():
            complain(row, 1, f"{_quoted(line)} is read as {number}")
        if not row.minimum <= number <= row.maximum:
            complain(row, 1, f"{number} is out of range; {_range(row)}")
        return min(max(number, row.minimum), row.maximum)

    def parse_hosts(self, row: Row, data: bytes) -> Value:
        """A list of host names."""
        lines = grammar.numbered_lines(data)
        for number, line in lines:
            if b"@" in line or b"*" in line or line[:1] in b" \t":
                self._warn(row, number, f"{_quoted(line)} does not look like a host name and will match nothing")
        return grammar.parse_names([line for _, line in lines])

    def parse_addresses(self, row: Row, data: bytes) -> Value:
        """A list of addresses, or of `@host`."""
        lines = grammar.numbered_lines(data)
        for number, line in lines:
            if b"@" not in line:
                self._warn(row, number, f"{_quoted(line)} has no @; for a whole host write @host")
        return grammar.parse_names([line for _, line in lines])

    def parse_map(self, row: Row, data: bytes) -> Value:
        """Lines `key:value`; the last one of a key counts."""
        lines = grammar.numbered_lines(data)
        seen: dict[bytes, int] = {}
        for number, line in lines:
            key, colon, _ = line.lower().partition(b":")
            if not colon:
                self._warn(row, number, f"{_quoted(line)} has no colon and is ignored")
            elif key in seen:
                self._warn(row, number, f"{_quoted(key)} stands in line {seen[key]} too; this line wins")
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
                self._refuse(row, number, f"{_quoted(line)} is no endpoint; write for example tcp:25")
        return tuple(line for _, line in lines)

    def parse_delivery(self, row: Row, data: bytes) -> Value:
        """Delivery instructions, as many lines as there are."""
        text = grammar.parse_text(data)
        if not text.strip():
            self._refuse(row, 0, "is empty and would throw mail away; write ./Mailbox, ./Maildir/ or, to mean it, #")
        return text


PARSERS: dict[Kind, Callable[[Directory, Row, bytes], Value]] = {
    Kind.HOST: Directory.parse_host,
    Kind.LINE: Directory.parse_line,
    Kind.NUMBER: Directory.parse_number,
    Kind.SWITCH: Directory.parse_number,
    Kind.HOSTS: Directory.parse_hosts,
    Kind.ADDRESSES: Directory.parse_addresses,
    Kind.MAP: Directory.parse_map,
    Kind.ROUTES: Directory.parse_map,
    Kind.SERVERS: Directory.parse_servers,
    Kind.ENDPOINTS: Directory.parse_endpoints,
    Kind.DELIVERY: Directory.parse_delivery,
}


def _quoted(data: bytes) -> str:
    """Foreign bytes in a complaint: escaped, and short."""
    return repr(data[:60])[1:]


def _range(row: Row) -> str:
    return f"allowed is {row.minimum} to {row.maximum}"


def _kept(row: Row) -> str:
    return f"; the default {row.default!r} is used" if row.is_classic else ""


# -- values to settings


def _settings(directory: Directory) -> Settings:
    return Settings(
        home=directory.home,
        me=_me(directory),
        send=_send(directory),
        smtp=_smtp(directory),
        remote=_remote(directory),
        pop3=_pop3(directory),
        delivery=_deliveries(directory),
        listen=_listen(directory),
    )


def _me(directory: Directory) -> bytes:
    return directory.line("me") if "me" in directory.values else b"me"


def _send(directory: Directory) -> SendSettings:
    found = directory.names("locals")
    return SendSettings(
        locals=frozenset({_me(directory).lower()}) if found is None else found,
        virtualdomains=directory.map("virtualdomains"),
        percenthack=directory.names("percenthack") or frozenset(),
        envnoathost=directory.line("envnoathost"),
        bouncefrom=directory.line("bouncefrom"),
        bouncehost=directory.line("bouncehost"),
        doublebounceto=directory.line("doublebounceto"),
        doublebouncehost=directory.line("doublebouncehost"),
        queuelifetime_s=directory.number("queuelifetime"),
        concurrencylocal=directory.number("concurrencylocal"),
        concurrencyremote=directory.number("concurrencyremote"),
        journalmax_bytes=directory.number("journalmax"),
        bouncemax_bytes=directory.number("bouncemaxbytes"),
        minfree_bytes=directory.number("minfree"),
        concurrencyperhost=directory.number("concurrencyperhost"),
        rcptspertransaction=directory.number("rcptspertransaction"),
        remoteagents=directory.number("remoteagents"),
    )


def _remote(directory: Directory) -> RemoteSettings:
    return RemoteSettings(
        helohost=directory.line("helohost"),
        smtproutes=directory.map("smtproutes"),
        qmtproutes=directory.map("qmtproutes"),
        tlspolicy=directory.map("tlspolicy"),
        outgoingip=directory.lines("outgoingip"),
        localaddresses=directory.lines("localaddresses"),
        nameservers=directory.lines("nameservers"),
        families=directory.line("outgoingfamilies"),
        timeoutconnect_s=directory.number("timeoutconnect"),
        timeoutremote_s=directory.number("timeoutremote"),
        idle_s=directory.number("remoteidle"),
        max_messages=directory.number("remotemessages"),
    )


def _smtp(directory: Directory) -> SmtpSettings:
    return SmtpSettings(
        greeting=directory.line("smtpgreeting"),
        localiphost=directory.line("localiphost") if {"me", "localiphost"} & directory.values.keys() else None,
        timeout_s=directory.number("timeoutsmtpd"),
        databytes=directory.number("databytes"),
        rcpthosts=directory.names("rcpthosts"),
        morercpthosts=directory.existing("morercpthosts.cdb"),
        badmailfrom=directory.names("badmailfrom") or frozenset(),
        tcprules=directory.existing("tcprules"),
        is_rcptcheck=directory.number("rcptcheck") != 0,
        concurrencyincoming=directory.number("concurrencyincoming"),
        concurrencyperip=directory.number("concurrencyperip"),
        max_recipients=directory.number("maxrecipients"),
        max_command_bytes=directory.number("maxcommand"),
        max_errors=directory.number("maxerrors"),
        max_idle_commands=directory.number("maxidlecommands"),
    )


def _pop3(directory: Directory) -> PopSettings:
    return PopSettings(
        greeting=directory.line("pop3greeting"),
        timeout_s=directory.number("timeoutpop3d"),
        checkpassword=directory.line("checkpassword") or None,
        maildir=directory.line("pop3maildir"),
        concurrency=directory.number("concurrencypop3"),
        max_failures=directory.number("maxpop3failures"),
    )


def _deliveries(directory: Directory) -> DeliverySettings:
    return DeliverySettings(
        defaultdelivery=directory.line("defaultdelivery"),
        program_timeout_s=directory.number("programtimeout"),
        worker_idle_s=directory.number("workeridle"),
    )


def _listen(directory: Directory) -> ListenSettings:
    smtp = schema.PUBLIC_SMTP if os.geteuid() == 0 else schema.LOOPBACK_SMTP
    return ListenSettings(
        smtp=directory.endpoints("listensmtp", (smtp.decode(),)),
        pop3=directory.endpoints("listenpop3", ()),
    )

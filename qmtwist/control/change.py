"""What a reload changes, in words for the log, and what must wait for a restart."""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping, NamedTuple

from . import schema
from .settings import Settings

MANY = 8  # names of a long list that are written out


class Change(NamedTuple):
    """One control file that says something else now. `text` fits a log line: printable, no LF."""

    name: str
    text: str
    needs_restart: bool

    def __str__(self) -> str:
        return f"control/{self.name}: {self.text}" + ("; takes effect at the next start" if self.needs_restart else "")


def differences(old: Settings, new: Settings) -> list[Change]:
    """The files whose meaning differs, in the order of the schema; empty if a reload changes nothing.

    A file that follows control/me is named itself when me changes.
    """
    found = []
    for row in schema.ROWS.values():
        if row.field:
            before, after = value_of(old, row.field), value_of(new, row.field)
            if before != after:
                found.append(Change(row.name, _words(before, after), row.needs_restart))
    return found


def value_of(settings: Settings, field: str) -> object:
    """The value of a row's field, such as `send.locals`."""
    value: object = settings
    for name in field.split("."):
        value = getattr(value, name)
    return value


def _words(before: object, after: object) -> str:
    if isinstance(after, frozenset) or isinstance(before, frozenset):
        if before is None or after is None:
            return "now exists" if before is None else "is gone"
        return _set_words(_entries(before), _entries(after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _set_words(_pairs(before), _pairs(after))
    return f"{_shown(before)} is now {_shown(after)}"


def _entries(value: object) -> set[str]:
    return {_shown(entry) for entry in value} if isinstance(value, frozenset) else set()


def _pairs(value: Mapping[bytes, bytes]) -> set[str]:
    return {_shown(key + b":" + prefix) for key, prefix in value.items()}


def _set_words(before: set[str], after: set[str]) -> str:
    parts = [("added", sorted(after - before)), ("removed", sorted(before - after))]
    return ", ".join(f"{verb} {_enumerated(names)}" for verb, names in parts if names)


def _enumerated(names: list[str]) -> str:
    shown = " ".join(names[:MANY])
    return shown if len(names) <= MANY else f"{shown} and {len(names) - MANY} more"


def _shown(value: object) -> str:
    """A value in printable ASCII.

    >>> _shown(b"a\\n"), _shown(("tcp:25",)), _shown(None), _shown(True)
    ('a\\\\x0a', 'tcp:25', 'nothing', '1')
    """
    if isinstance(value, bytes):
        return "".join(chr(byte) if 32 <= byte <= 126 else f"\\x{byte:02x}" for byte in value) or "empty"
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "nothing"
    if isinstance(value, bool):
        return str(int(value))
    return "nothing" if value is None else str(value)

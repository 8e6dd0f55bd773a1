"""The rules by which new-inject and ofmipd rewrite hosts: control/rewrite, or those that complete addresses."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Mapping, NamedTuple
from qmtwist.rules.completion import Hosts
from qmtwist.rules.rewrite import Rules, default_lines

from .grammar import parse_list, read_file, read_line
from .hosts import NAMES


class Rewriting(NamedTuple):
    """What control/ says about addresses and names of messages."""

    rules: Rules
    idhost: bytes


def read_rewriting(home: str, environ: Mapping[bytes, bytes]) -> Rewriting:
    """The file that QMAILREWRITEFILE names, else control/rewrite, else the rules that complete addresses.

    A host is `QMAILDEFAULTHOST` and so on, else control/defaulthost, else control/me, else the word `DEFAULTHOST`. An
    empty environment for programs that do not look at it.

    :raises OSError: a file is there and cannot be read.
    """
    me = read_line(home, "me")

    def host(name: str) -> bytes:
        value = environ.get(b"QMAIL" + name.upper().encode())
        if value is None:
            value = read_line(home, name)
        return value if value is not None else me if me is not None else name.upper().encode()

    hosts = Hosts(*[host(name) for name in NAMES])
    lines = _read_lines(environ.get(b"QMAILREWRITEFILE"))
    if lines is None:
        data = read_file(home, "rewrite")
        lines = None if data is None else parse_list(data)
    return Rewriting(Rules(default_lines(hosts) if lines is None else lines), hosts.idhost)


def _read_lines(path: bytes | None) -> list[bytes] | None:
    """None: there is no such file."""
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        return parse_list(file.read())

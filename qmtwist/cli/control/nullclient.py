"""Null clients: homes without a queue, whose qmail-queue is qmail-qmqpc. (Bernstein's mini-qmail)

What makes a home one is that bin/qmail-queue is a symbolic link to qmail-qmqpc and that there is no queue directory.
"""

from __future__ import annotations

import os
import socket

from qmtwist.cli.registry import PROGRAMS as ALL_PROGRAMS
from qmtwist.control import grammar
from qmtwist.mail.errors import Malformed
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.tlspolicy import parse_policy
from qmtwist.wire.qmqp import PORT, TLS_MARK, TLS_PORT, parse_server

QUEUE, CLIENT = "qmail-queue", "qmail-qmqpc"
# What works in a queue, takes mail in, or delivers it, is of no use there.
_GROUPS = ("alias", "queue", "users")
_NEED_QUEUE = (
    *("qmail-local", "qmail-popup", "qmail-pop3d", "qmtwist-checkpassword", "qmail-newmrh", "mailq"),
    *("qmail-smtpd", "qmail-qmtpd", "qmail-qmqpd", "rblsmtpd"),
)

PROGRAMS = tuple(
    name for name, module in ALL_PROGRAMS.items() if module.split(".")[0] not in _GROUPS and name not in _NEED_QUEUE
)


class Hub(NamedTuple):
    """A host that queues for us, as it was asked for; `tls` as in wire.qmqp.Server."""

    host: str
    port: int
    tls: str | None = None


class Unknown(Exception):
    """A hub's name has no address; the text says so."""


def is_null_client(home: str) -> bool:
    """Whether setup has made this home for a host without a queue."""
    try:
        target = os.readlink(f"{home}/bin/{QUEUE}")
    except OSError:
        return False
    return os.path.basename(target) == CLIENT and not os.path.lexists(f"{home}/queue")


def make_link(home: str) -> bool:
    """Let bin/qmail-queue be qmail-qmqpc; whether that is new.

    :raises FileExistsError: a program of that name is there already.
    """
    path = f"{home}/bin/{QUEUE}"
    if is_null_client(home):
        return False
    if os.path.lexists(path):
        raise FileExistsError(17, "is there already: a null client's is a link to qmail-qmqpc", path)
    os.symlink(CLIENT, path)
    return True


def parse_hub(text: str) -> Hub | None:
    """`HOST`, `HOST:PORT`, `192.0.2.1:6280`, `2001:db8::1` or `[2001:db8::1]:6280`, each perhaps with `/tls` or
    `/tls:POLICY` behind it; None if it is nothing of that.

    >>> parse_hub("hub.example:628"), parse_hub("::1/tls:encrypt"), parse_hub("hub:0")
    (Hub(host='hub.example', port=628, tls=None), Hub(host='::1', port=6280, tls='encrypt'), None)
    """
    place, slash, mark = text.partition("/")
    tls = None
    if slash:
        head, colon, tls = mark.partition(":")
        if head.lower() != "tls" or (colon and not is_policy(os.fsencode(tls))):
            return None
    found = _parse_place(place, TLS_PORT if slash else PORT)
    return found and Hub(*found, tls)


def is_policy(tls: bytes) -> bool:
    """Whether what stands behind `/tls:` is a policy."""
    try:
        return parse_policy(tls).is_demanded
    except Malformed:
        return False


def _parse_place(text: str, usual_port: int) -> tuple[str, int] | None:
    host, rest = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            return None
    elif text.count(":") == 1:
        host, colon, port = text.partition(":")
        rest = colon + port
    digits = rest[1:] or ("" if rest else str(usual_port))
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or not 0 < int(digits) < 65536:
        return None
    if ":" in host and parse_address(os.fsencode(host)) is None:
        return None
    is_word = host.isascii() and all(char.isalnum() or char in "-._:" for char in host)
    return (host, int(digits)) if host and is_word else None


def server_lines(hubs: list[Hub]) -> str:
    """The text of control/qmqpservers, which has addresses only: all those of each hub, in the order of the hubs.

    :raises Unknown: a name without an address.
    """
    lines: list[str] = []
    for hub in hubs:
        if parse_address(os.fsencode(hub.host)) is not None:
            lines.append(_line(hub, hub.host))
            continue
        try:
            found = socket.getaddrinfo(hub.host, hub.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unknown(f"cannot find the address of {hub.host}: {error.strerror}; give the address") from None
        lines.append(f"# {hub.host}")
        named = hub._replace(tls=f"verify:{hub.host}") if hub.tls == "verify" else hub
        lines += [_line(named, str(entry[4][0])) for entry in found]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _line(hub: Hub, address: str) -> str:
    mark = "" if hub.tls is None else os.fsdecode(TLS_MARK) + (f":{hub.tls}" if hub.tls else "")
    if hub.port == (PORT if hub.tls is None else TLS_PORT):
        return address + mark
    return (f"[{address}]:{hub.port}" if ":" in address else f"{address}:{hub.port}") + mark


def has_tls_hub(home: str) -> bool:
    """Whether a server of control/qmqpservers is spoken to inside TLS.

    :raises OSError: it cannot be read.
    """
    servers = map(parse_server, grammar.read_list(home, "qmqpservers") or [])
    return any(server is not None and server.tls is not None for server in servers)

"""Null clients: homes without a queue, whose qmail-queue is qmail-qmqpc. (Bernstein's mini-qmail)

What makes a home one is that bin/qmail-queue is a symbolic link to qmail-qmqpc and that there is no queue directory.
"""

from __future__ import annotations

import os
import socket
from typing import NamedTuple

from qmtwist.cli.registry import PROGRAMS as ALL_PROGRAMS
from qmtwist.mail.literal import parse_address
from qmtwist.wire.qmqp import PORT

QUEUE, CLIENT = "qmail-queue", "qmail-qmqpc"
# What works in a queue, takes mail in, or delivers it, is of no use there.
_GROUPS = ("queue", "users")
_NEED_QUEUE = (
    *("qmail-local", "qmail-popup", "qmail-pop3d", "qmtwist-checkpassword", "qmail-newmrh", "mailq", "newaliases"),
    *("qmail-smtpd", "qmail-qmtpd", "qmail-qmqpd", "rblsmtpd"),
)

PROGRAMS = tuple(
    name for name, module in ALL_PROGRAMS.items() if module.split(".")[0] not in _GROUPS and name not in _NEED_QUEUE
)


class Hub(NamedTuple):
    """A host that queues for us, as it was asked for."""

    host: str
    port: int


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
    """`HOST`, `HOST:PORT`, `192.0.2.1:6280`, `2001:db8::1` or `[2001:db8::1]:6280`; None if it is nothing of that.

    >>> parse_hub("hub.example:6280"), parse_hub("[::1]"), parse_hub("::1"), parse_hub("hub:0")
    (Hub(host='hub.example', port=6280), Hub(host='::1', port=628), Hub(host='::1', port=628), None)
    """
    host, rest = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            return None
    elif text.count(":") == 1:
        host, colon, port = text.partition(":")
        rest = colon + port
    digits = rest[1:] or ("" if rest else str(PORT))
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 5 or not 0 < int(digits) < 65536:
        return None
    if ":" in host and parse_address(os.fsencode(host)) is None:
        return None
    is_word = host.isascii() and all(char.isalnum() or char in "-._:" for char in host)
    return Hub(host, int(digits)) if host and is_word else None


def server_lines(hubs: list[Hub]) -> str:
    """The text of control/qmqpservers, which has addresses only: all those of each hub, in the order of the hubs.

    :raises Unknown: a name without an address.
    """
    lines: list[str] = []
    for hub in hubs:
        if parse_address(os.fsencode(hub.host)) is not None:
            lines.append(_line(hub.host, hub.port))
            continue
        try:
            found = socket.getaddrinfo(hub.host, hub.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise Unknown(f"cannot find the address of {hub.host}: {error.strerror}; give the address") from None
        lines.append(f"# {hub.host}")
        lines += [_line(str(entry[4][0]), hub.port) for entry in found]
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _line(address: str, port: int) -> str:
    if port == PORT:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

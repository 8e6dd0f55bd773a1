"""The names of this host: what `setup` writes when nobody says. (qmail's config)

The deciding parts are pure; `ask` looks the world up, and never takes longer than its deadline.
"""

from __future__ import annotations

import socket
import threading

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.store.interfaces import own_addresses

DEADLINE_S = 8.0


class Names(NamedTuple):
    """The full name of this host, and every name under which it is known (that one too), sorted."""

    me: str
    all: list[str]
    lines: list[str]  # what was found where, for the person who asked


def is_host_name(name: str) -> bool:
    """Whether this can be a host name: letters, digits, `-` and `_` in labels of 1 to 63.

    >>> is_host_name("dolphin.example.com"), is_host_name("mash.local"), is_host_name("a b"), is_host_name("a..b")
    (True, True, False, False)
    """
    labels = name.split(".")
    return len(name) <= 253 and all(
        0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum() and label.isascii()
        for label in labels
    )


def default_domain(host: str) -> str:
    """The host's domain, for control/defaultdomain: without its first label if two dots are there.

    >>> default_domain("a.b.c.d"), default_domain("dolphin.example.com"), default_domain("mash.local")
    ('b.c.d', 'example.com', 'mash.local')
    """
    return host.split(".", 1)[1] if host.count(".") >= 2 else host


def plus_domain(host: str) -> str:
    """The last two labels, for control/plusdomain.

    >>> plus_domain("a.b.c.d"), plus_domain("mash.local")
    ('c.d', 'mash.local')
    """
    return ".".join(host.split(".")[-2:])


def choose(hostname: str, canonical: str, pointers: dict[str, str]) -> Names | None:
    """The names, from what the system calls itself, its canonical name in DNS, and the names of its addresses.

    `pointers` has each own address in digits and its name, `""` for none. None: there is no full name.
    """
    full = [name.rstrip(".").lower() for name in (canonical, hostname, *pointers.values())]
    full = [name for name in full if "." in name and is_host_name(name) and not name.startswith("localhost.")]
    if not full:
        return None
    lines, found = [], {full[0]}
    for address, name in sorted(pointers.items()):
        name = name.rstrip(".").lower()
        if is_host_name(name):
            found.add(name)
            lines.append(f"{address}: adding {name}")
        else:
            lines.append(f"{address}: no name in DNS")
    return Names(full[0], sorted(found), lines)


def ask(deadline_s: float = DEADLINE_S) -> Names | None:
    """The names of this host by DNS and /etc/hosts; None if they cannot be found in time."""
    answers: list[Names | None] = []
    # the C library's resolver cannot be interrupted; a daemon thread can be left behind
    asker = threading.Thread(target=lambda: answers.append(_look_up()), daemon=True)
    asker.start()
    asker.join(deadline_s)
    return answers[0] if answers else None


def _look_up() -> Names | None:
    hostname = socket.gethostname()
    canonical = ""
    with suppress(OSError):
        canonical = socket.getaddrinfo(hostname, None, flags=socket.AI_CANONNAME)[0][3]
    pointers = {}
    for packed in own_addresses():
        if any(packed):
            address = socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
            pointers[address] = _confirmed_name(address)
    return choose(hostname, canonical, pointers)


def _confirmed_name(address: str) -> str:
    """The name of an address, if that name has this address; else nothing."""
    try:
        name = socket.gethostbyaddr(address)[0]
        if address in {str(found[4][0]) for found in socket.getaddrinfo(name, None)}:
            return name
    except (OSError, UnicodeError):
        pass
    return ""

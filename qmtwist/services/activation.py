"""Sockets that systemd listens on for us: which service each is for. (sd_listen_fds(3), systemd.socket(5))

FileDescriptorName in the socket unit is the name of the service, such as smtp; several sockets may have the same.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Container, MutableMapping

import twisted.internet.endpoints  # noqa: F401  # takes LISTEN_PID and LISTEN_FDS away, if they are for us

FIRST = 3  # descriptor


def passed(
    services: Container[str], environ: MutableMapping[str, str] = os.environ
) -> tuple[dict[str, list[str]], list[str]]:
    """Endpoints for each service that has sockets; and the names of sockets that are no service's.

    Programs that we run inherit neither the sockets nor the names.
    """
    names = environ.pop("LISTEN_FDNAMES", "")
    found: dict[str, list[str]] = {}
    strange: list[str] = []
    if not names or "LISTEN_PID" in environ:
        return found, strange
    for index, name in enumerate(names.split(":")):
        family = _family(FIRST + index)
        if not family:
            continue
        os.set_inheritable(FIRST + index, False)
        if name in services:
            found.setdefault(name, []).append(f"systemd:domain={family}:index={index}")
        else:
            strange.append(name)
    return found, strange


def _family(descriptor: int) -> str:
    """As Twisted wants it: `INET`, `INET6` or `UNIX`; empty if nobody listens there."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
        if copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return socket.AddressFamily(copy.family).name.removeprefix("AF_")
    return ""

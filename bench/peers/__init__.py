"""The servers that are measured, all behind one interface."""

from __future__ import annotations

import socket
import time
from typing import NamedTuple, Protocol


class Outlet(NamedTuple):
    """Where mail for other hosts goes: a loopback port, sessions at once, recipients per transaction (0: default)."""

    port: int
    sessions: int
    grouping: int = 0


class Peer(Protocol):
    """A mail server that accepts on a loopback port and delivers into one Maildir. Started once, stopped once."""

    name: str
    port: int
    pid: int  # the process above all others of this server
    recipient: str
    maildir: str

    def start(self) -> None:
        """Start it; returns when it accepts connections."""

    def stop(self) -> None:
        """Stop it, and wait until it is gone."""


class Relay(Peer, Protocol):
    """A peer that can send mail on."""

    def relay(self, outlet: Outlet) -> None:
        """From the next start on, send all mail that is not for this host there."""


def wait_for_port(port: int, limit_s: float = 30.0) -> None:
    """Wait until somebody accepts and greets.

    :raises TimeoutError: nobody did.
    """
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.settimeout(10)
                if connection.recv(4).startswith(b"220"):
                    connection.sendall(b"QUIT\r\n")
                    return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"nothing greets on port {port}")

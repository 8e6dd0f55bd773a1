"""A daemon that serves QMTP and QMQP in every way: in clear, inside TLS, and on a UNIX socket."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import time

from tests.support.daemon import Daemon, Home, free_port, qmtwist

LIMIT_S = 60.0
KINDS = ("qmtp", "qmtps", "qmqp", "qmqps")


def make_home(directory: str) -> Home:
    """A home with a key, where 127.0.0.1 may use QMQP."""
    made = Home(directory)
    made.make()
    made.write("control/tcprules.qmqp", "127.0.0.1:allow\n")
    qmtwist("tlskey", "--home", made.path)
    os.mkdir(f"{directory}/run")
    return made


class Hub(Daemon):
    """A daemon that listens for everything; 127.0.0.1 may use QMQP."""

    def __init__(self, home: Home, directory: str) -> None:
        self.ports = {kind: free_port() for kind in KINDS}
        self.socket = f"{directory}/run/qmqp"
        words = [f"--listen={kind}=tcp:{port}:interface=127.0.0.1" for kind, port in self.ports.items()]
        super().__init__(home, *words, f"--listen=qmqp=unix:{self.socket}:mode=660")

    def connect(self, kind: str, context: ssl.SSLContext | None = None) -> socket.socket:
        """A connection to one of its services."""
        plain = socket.create_connection(("127.0.0.1", self.ports[kind]), timeout=LIMIT_S)
        return plain if context is None else context.wrap_socket(plain)

    def ask(self, kind: str, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """The first answer to this."""
        with self.connect(kind, context) as connection:
            connection.sendall(data)
            return answer_of(connection)

    def empty(self) -> None:
        """Remove what is in the mailboxes."""
        for user in self.home.users:
            for name in os.listdir(f"{self.home.maildir(user)}/new"):
                os.unlink(f"{self.home.maildir(user)}/new/{name}")

    def wait_for(self, *words: str, since: int = 0) -> str:
        """Wait for a line of the log with these words in it."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            for line in self.log[since:]:
                if all(word in line for word in words):
                    return line
            time.sleep(0.02)
        raise AssertionError("\n".join(self.log[-40:]))


def answer_of(connection: socket.socket) -> bytes:
    """The netstring that comes; nothing when the connection is closed instead."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while not said.endswith(b",") and (piece := connection.recv(1000)):
            said += piece
    return said


def anybody(certificate: str | None = None) -> ssl.SSLContext:
    """A client's context that verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context

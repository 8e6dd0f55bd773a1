"""A server on loopback that takes connections to be encrypted at once, or misbehaves where a handshake should be."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.support.certificates import Authority, Leaf, self_signed

PATIENCE_S = 10
Manners = Callable[[socket.socket], None]


class TlsServer:
    """Serves one connection after the other in a thread, for as long as the `with` block lasts."""

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listener.getsockname()[1]
        self.has_heard = threading.Event()  # somebody has said something

    def __enter__(self) -> TlsServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def connect(self, timeout_s: float = PATIENCE_S) -> socket.socket:
        """A blocking connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE_S)
            with connection, contextlib.suppress(OSError):
                connection.recv(1, socket.MSG_PEEK)
                self.has_heard.set()
                self._manners(connection)


def echoing(context: ssl.SSLContext) -> Manners:
    """Says back one line."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.sendall(encrypted.recv(1000))
            encrypted.recv(1)

    return serve


def saying(data: bytes) -> Manners:
    """Says this, whatever was said, and nothing more until the other side goes."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(data)
        while connection.recv(1000):
            continue

    return serve


def dripping(connection: socket.socket) -> None:
    """A record that never ends, a byte now and then."""
    connection.sendall(b"\x16\x03\x03\x3f\xff")
    gone = threading.Event()
    while not gone.wait(0.01):
        connection.sendall(b"\2")


def closing(connection: socket.socket) -> None:
    """Goes when TLS begins."""
    connection.recv(1000)


@contextlib.contextmanager
def old(context: ssl.SSLContext) -> Iterator[ssl.SSLContext]:
    """The context speaks TLS 1.0 and 1.1 only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    yield context


class Case(NamedTuple):
    """What a client finds that trusts one authority and wants one of these names; `why_not` empty: it is content."""

    make: Callable[[Authority], Leaf]
    wanted: tuple[bytes, ...]
    why_not: str


CASES: dict[str, Case] = {
    "the domain": Case(lambda ours: ours.issue("far.example"), (b"far.example",), ""),
    "capitals": Case(lambda ours: ours.issue("FAR.example"), (b"far.example",), ""),
    "one of several": Case(lambda ours: ours.issue("mx.far.example"), (b"far.example", b"mx.far.example"), ""),
    "a wildcard": Case(lambda ours: ours.issue("*.far.example"), (b"far.example", b"mx.far.example"), ""),
    "an IPv4 address": Case(lambda ours: ours.issue("192.0.2.1"), (b"[192.0.2.1]",), ""),
    "an IPv6 address": Case(lambda ours: ours.issue("2001:db8::1"), (b"[IPv6:2001:DB8:0::1]",), ""),
    "another name": Case(
        lambda ours: ours.issue("mx.other.example"),
        (b"far.example",),
        "certificate is for mx.other.example, not for far.example",
    ),
    "a wildcard for more than a label": Case(
        lambda ours: ours.issue("*.example.net"),
        (b"a.b.example.net",),
        "certificate is for *.example.net, not for a.b.example.net",
    ),
    "a wildcard for the domain itself": Case(
        lambda ours: ours.issue("*.far.example"),
        (b"far.example",),
        "certificate is for *.far.example, not for far.example",
    ),
    "an address as a host name": Case(
        lambda ours: ours.issue("far.example"),
        (b"[192.0.2.1]",),
        "certificate is for far.example, not for [192.0.2.1]",
    ),
    "no name but the subject's": Case(
        lambda ours: ours.issue(subject="far.example"),
        (b"far.example",),
        "certificate names no host, not even far.example",
    ),
    "expired": Case(lambda ours: ours.issue("far.example", days=-1), (b"far.example",), "certificate has expired"),
    "self-signed": Case(lambda ours: self_signed("far.example"), (b"far.example",), "self-signed certificate"),
    "another authority": Case(
        lambda ours: Authority("Another Authority").issue("far.example"),
        (b"far.example",),
        "unable to get local issuer certificate",
    ),
}

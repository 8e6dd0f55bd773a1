"""One attempt to connect, as Twisted sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory
from twisted.python.failure import Failure

from .connection import Connection


class Hopeful(Protocol):
    """Who waits for the connection; of its coming it tells him itself (connection.Client)."""

    def not_connected(self, reason: Failure, /) -> None:
        """There is none."""


class Connecting(ClientFactory):
    """Made by a delivery for one attempt."""

    noisy = False

    def __init__(self, hopeful: Hopeful, make: Callable[[], Connection]) -> None:
        self._hopeful = hopeful
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> Connection:
        """It is there."""
        return self._make()

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """It is not."""
        self._hopeful.not_connected(reason)

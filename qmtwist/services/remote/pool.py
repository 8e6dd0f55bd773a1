"""Connections that wait for their next message: a few seconds, then they are closed."""

from __future__ import annotations

from qmtwist.wire.outgoing import Ended, Lost

from .connection import Connection, Connections, Key


class Pool:
    """The idle connections of an agent (connection.Client), at most `limit`. The one used last is used next."""

    def __init__(self, connections: Connections, limit: int) -> None:
        self._connections = connections
        self._limit = limit
        self._idle: dict[Key, list[Connection]] = {}
        self._all: dict[Connection, None] = {}  # the one that was used longest ago first

    def has(self, key: Key) -> bool:
        """Whether there is one to take."""
        return key in self._idle

    def take(self, key: Key) -> Connection | None:
        """An idle connection, which is the caller's from now on; None: there is none."""
        idle = self._idle.get(key)
        if idle is None:
            return None
        connection = idle.pop()
        del self._all[connection]
        if not idle:
            del self._idle[key]
        return connection

    def put(self, connection: Connection, idle_s: float) -> None:
        """Keep a connection that is between transactions, for so long; 0: part with it at once."""
        if idle_s <= 0:
            connection.quit()
            return
        connection.client = self
        connection.wait_until(self._connections.reactor.seconds() + idle_s)
        self._idle.setdefault(connection.key, []).append(connection)
        self._all[connection] = None
        if len(self._all) > self._limit:
            self.waited(next(iter(self._all)))

    def clear(self) -> None:
        """Part with all of them."""
        everyone, self._all, self._idle = self._all, {}, {}
        for connection in everyone:
            connection.quit()

    # -- connection.Client

    def waited(self, connection: Connection) -> None:
        """Nobody wanted it, or others need its place."""
        self._remove(connection)
        connection.quit()

    def lost(self, connection: Connection, event: Lost) -> None:
        """The other host did not wait so long."""
        self._remove(connection)

    def connected(self) -> None:
        """Not for an idle one."""

    def ready(self, connection: Connection) -> None:
        """Not for an idle one."""

    def ended(self, connection: Connection, event: Ended) -> None:
        """Not for an idle one."""

    def unreadable(self, connection: Connection) -> None:
        """Not for an idle one."""

    def _remove(self, connection: Connection) -> None:
        if connection in self._all:
            del self._all[connection]
            idle = self._idle[connection.key]
            idle.remove(connection)
            if not idle:
                del self._idle[connection.key]

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from qmtwist.rules.tlspolicy import DEFAULT
from qmtwist.services.remote.connection import Connection, Connections, Key
from qmtwist.services.remote.pool import Pool
from qmtwist.wire.outgoing import Lost


class Idle:
    """A connection between two transactions, as far as the pool can tell."""

    def __init__(self, address: str = "192.0.2.1") -> None:
        self.key = Key(address, 25, "smtp", None, DEFAULT, (), b"here")
        self.client: Any = None
        self.due = 0.0
        self.has_quit = False

    def wait_until(self, due: float) -> None:
        self.due = due

    def quit(self) -> None:
        self.has_quit = True


@pytest.fixture
def pool() -> Pool:
    return Pool(Connections(cast(Any, Clock()), lambda line: None), limit=3)


def put(pool: Pool, *connections: Idle, idle_s: float = 3) -> None:
    for connection in connections:
        pool.put(cast(Connection, connection), idle_s)


def test_the_connection_used_last_is_used_next(pool: Pool) -> None:
    first, second = Idle(), Idle()
    put(pool, first, second)
    assert first.due == 3 and first.client is pool
    assert pool.take(first.key) is cast(Connection, second)
    assert pool.take(first.key) is cast(Connection, first)
    assert pool.take(first.key) is None


def test_only_an_equal_key_is_served(pool: Pool) -> None:
    put(pool, Idle("192.0.2.1"))
    assert pool.take(Idle("192.0.2.2").key) is None
    assert pool.take(Idle().key._replace(bind="192.0.2.9")) is None
    assert pool.take(Idle().key) is not None


def test_beyond_the_limit_the_one_that_waited_longest_goes(pool: Pool) -> None:
    connections = [Idle(f"192.0.2.{number}") for number in range(5)]
    put(pool, *connections)
    assert [connection.has_quit for connection in connections] == [True, True, False, False, False]
    assert pool.take(connections[0].key) is None


def test_what_is_lost_or_has_waited_is_not_given_out(pool: Pool) -> None:
    lost, waited = Idle(), Idle()
    put(pool, lost, waited)
    pool.lost(cast(Connection, lost), Lost(None, False))
    pool.waited(cast(Connection, waited))
    assert (lost.has_quit, waited.has_quit) == (False, True)
    assert pool.take(lost.key) is None


def test_no_time_to_wait_means_quit(pool: Pool) -> None:
    connection = Idle()
    put(pool, connection, idle_s=0)
    assert connection.has_quit and pool.take(connection.key) is None


def test_clear_parts_with_everybody(pool: Pool) -> None:
    connections = [Idle(), Idle(), Idle("192.0.2.2")]
    put(pool, *connections)
    pool.clear()
    assert all(connection.has_quit for connection in connections)
    assert pool.take(connections[0].key) is None

"""A remote agent in the test's own reactor, and the daemon's end of its channel in the hands of the test."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from qmtwist.mail.outcome import Outcome
from qmtwist.services.fdchannel import FdChannel
from qmtwist.services.remote.agent import Agent
from qmtwist.wire import remoteorder, spawn
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.spawn import Frame
from tests.support.peers import Peer

LIMIT_S = 60.0
MESSAGE = b"Subject: t\n\nbody\n"


def order(
    host: bytes, *names: bytes, message: bytes | None = MESSAGE, sender: bytes = b"s@here.example"
) -> RemoteOrder:
    """An order, for `joe` unless others are named."""
    return RemoteOrder(sender, host, names or (b"joe",), message)


class RemoteDesk:
    """One agent in a home of its own. Orders get their slot when they ask, unless `grants` is off.

    `control` are the files of control/, by name; without `me` one is made.
    """

    def __init__(self, reactor: Any, home: str, **control: str) -> None:
        self.reactor = reactor
        self.home = home
        self.grants = True
        self.notes: list[bytes] = []
        self.asking: list[int] = []
        self.frames: list[Frame] = []
        self.has_ended = False
        self._number = 0
        self._reports: dict[int, dict[int, Outcome]] = {}
        self._waiting: dict[int, tuple[int, Deferred[list[Outcome]]]] = {}
        os.makedirs(f"{home}/control", exist_ok=True)
        os.makedirs(f"{home}/queue/lock", exist_ok=True)
        for name, size in (("tcpto", 1024), ("tcpto6", 2048)):
            with open(f"{home}/queue/lock/{name}", "wb") as table:
                table.write(bytes(size))
        self.write(**{"me": "here.example", **control})
        ours, theirs = socket.socketpair()
        self.agent = Agent(reactor, home, theirs, self._ended)
        self.channel = FdChannel(reactor, ours, self._take, lambda: None)
        self.agent.start()

    def write(self, **control: str) -> None:
        """Write control files."""
        for name, text in control.items():
            with open(f"{self.home}/control/{name}", "w", encoding="latin-1") as stream:
                stream.write(text + "\n")

    def reload(self) -> None:
        """As HUP does."""
        self.channel.send(spawn.frame(remoteorder.RELOAD, 0))

    def send(self, ordered: RemoteOrder, descriptor: int | None = None) -> Deferred[list[Outcome]]:
        """Give an order; fires with the outcomes of all its recipients."""
        self._number += 1
        number = self._number
        result: Deferred[list[Outcome]] = Deferred()
        self._reports[number] = {}
        self._waiting[number] = (len(ordered.locals), result)
        attached = () if descriptor is None else (descriptor,)
        self.channel.send(remoteorder.encode_transaction(number, ordered), attached)
        return result.addTimeout(LIMIT_S, self.reactor)

    async def deliver(self, ordered: RemoteOrder, descriptor: int | None = None) -> Outcome:
        """The outcome of an order with one recipient."""
        (outcome,) = await self.send(ordered, descriptor)
        return outcome

    def grant(self, number: int) -> None:
        """Give the slot."""
        self.channel.send(spawn.frame(remoteorder.GO, number))

    async def until(self, condition: Any) -> None:
        """Wait until this is so."""
        for _ in range(int(LIMIT_S / 0.005)):
            if condition():
                return
            await deferLater(self.reactor, 0.005)
        raise AssertionError("it never came")

    async def stop(self) -> None:
        """As the daemon does: no more orders, then wait until the last report is read."""
        self.channel.finish()
        await self.until(lambda: self.has_ended and not self.channel.is_open)

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        if frame.kind == remoteorder.HEAVY:
            self.asking.append(frame.number)
            if self.grants:
                self.grant(frame.number)
        elif frame.kind == remoteorder.NOTE:
            self.notes.append(frame.payload)
        elif frame.kind == remoteorder.REPORT:
            index, outcome = remoteorder.parse_report_of(frame.payload)
            assert outcome is not None
            self._reported(frame.number, index, outcome)

    def _reported(self, number: int, index: int, outcome: Outcome) -> None:
        reports = self._reports[number]
        assert index not in reports, "reported twice"
        reports[index] = outcome
        count, result = self._waiting[number]
        if len(reports) == count:
            result.callback([reports[at] for at in range(count)])

    def _ended(self) -> None:
        self.has_ended = True


def all_to(*servers: Peer) -> str:
    """Routes: dN.example to the Nth server, everything else to the first."""
    lines = [f"d{number}.example:{server.route}" for number, server in enumerate(servers)]
    return "\n".join([*lines, f":{servers[0].route}"])

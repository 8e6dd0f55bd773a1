"""All remote agents of the daemon: which one serves a destination, and whether they run programs instead."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from qmtwist.control.replaced import is_replaced
from qmtwist.services.fdchannel import IAgentReactor
from qmtwist.services.seams import Permit
from qmtwist.wire.remoteorder import RemoteOrder

from .courier import Log, RemoteAgent, Report, Starter

PROCESSORS_EACH = 4  # of the machine, for one agent where control/remoteagents does not say how many


def usual_count() -> int:
    """How many agents serve this machine."""
    return max(1, len(os.sched_getaffinity(0)) // PROCESSORS_EACH)


def runs_programs(home: str) -> bool:
    """Whether a program is run for each delivery: one of another make stands in for qmail-remote."""
    return bool(os.environb.get(b"QMAILREMOTE")) or is_replaced(home, "qmail-remote")


class RemoteAgents:
    """seams.RemoteCourier; made by `assemble`, lives as long as the daemon.

    `start` it while the daemon is still root, so that the agents can become qmailr. One that is started again after
    that is started by `starter`, if it can. A destination always has the same agent, which may have a connection to it.
    """

    def __init__(
        self,
        reactor: IAgentReactor,
        home: str,
        count: int,
        log: Log,
        on_lost: Callable[[], None] = lambda: None,
        starter: Starter = lambda words: None,
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._count = count or usual_count()
        self._log = log
        self._on_lost = on_lost
        self._starter = starter
        self._agents: list[RemoteAgent] = []
        self._leaving: list[Deferred[None]] = []
        self.runs_programs = runs_programs(home)

    def start(self) -> None:
        """Start the agents.

        :raises OSError: no socket, or a process cannot be made.
        """
        self._agents = self._make()
        for agent in self._agents:
            agent.start()

    def _make(self) -> list[RemoteAgent]:
        words = [b"--agent", b"--programs"] if self.runs_programs else [b"--agent"]
        # one that runs programs only waits for them; there is nothing to share out
        count = 1 if self.runs_programs else self._count
        desk = (self._reactor, self._home, self._log, words, self._on_lost, self._starter)
        return [RemoteAgent(*desk) for _ in range(count)]

    def transact(self, order: RemoteOrder, descriptor: int | None, report: Report, permit: Permit) -> None:
        """seams.RemoteCourier"""
        self._agent_for(order.host).transact(order, descriptor, report, permit)

    def _agent_for(self, host: bytes) -> RemoteAgent:
        """The agent of a destination; while that is not there, the next one."""
        agents = self._agents
        if len(agents) == 1:
            return agents[0]
        first = zlib.crc32(host.lower())
        turns = (agents[(first + turn) % len(agents)] for turn in range(len(agents)))
        return next((agent for agent in turns if agent.is_up), agents[first % len(agents)])

    def reload(self) -> None:
        """HUP: the agents read control/ again; where bin/qmail-remote has changed its maker, others take over."""
        if runs_programs(self._home) == self.runs_programs:
            for agent in self._agents:
                agent.reload()
            return
        self.runs_programs = not self.runs_programs
        old, self._agents = self._agents, self._make()
        self._leaving = [leaving for leaving in self._leaving if not leaving.called]
        self._leaving += [agent.stop() for agent in old]
        for agent in self._agents:
            agent.start_if_possible()

    def stop(self, patience_s: float | None = None) -> Deferred[Any]:
        """Take no more orders; fires when what was begun is reported, or after so long (without `patience_s`: 10 s)."""
        return DeferredList([agent.stop(patience_s) for agent in self._agents] + self._leaving)

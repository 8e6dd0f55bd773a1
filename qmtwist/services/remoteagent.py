"""The daemon's side of the remote agent: orders to `qmail-rspawn --agent`, reports from it (seams.Courier)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from qmtwist.mail.outcome import Outcome, Verdict, parse_report
from qmtwist.wire import spawn

from .agentprocess import AgentProcess, launch, why
from .fdchannel import FdChannel, IAgentReactor
from .seams import Permit

PROGRAM = "qmail-rspawn"
STOP_S = 10.0  # qmail-remote may wait twenty minutes for its host
FIRST_DELAY_S, LONGEST_DELAY_S, STABLE_S = 1.0, 60.0, 60.0
CRASHED = Outcome(Verdict.DEFERRAL, b"qmail-remote crashed.\n")
ABSENT = Outcome(Verdict.DEFERRAL, b"qmail-rspawn is not running. (#4.3.0)\n")
MANGLED = Outcome(Verdict.DEFERRAL, b"qmail-rspawn sent a mangled report. (#4.3.0)\n")

Report = Callable[[Outcome], None]


class Log(Protocol):
    """Where lines for the log go."""

    def line(self, line: bytes, /) -> None:
        """Take one line without its LF."""


class RemoteAgent:
    """One remote agent, started again with growing delays when it dies; lives as long as the daemon.

    `on_lost` is called whenever it dies without having been stopped, after its deliveries have been deferred; who does
    not want it to come back calls `stop` from there. `start` it while the daemon is still root, so that it can become
    qmailr; after that a new one runs as the daemon's own user.
    """

    def __init__(self, reactor: IAgentReactor, home: str, log: Log, on_lost: Callable[[], None]) -> None:
        self._reactor = reactor
        self._home = home
        self._log = log
        self._on_lost = on_lost
        self._pending: dict[int, Report] = {}
        self._number = 0
        self._channel: FdChannel | None = None
        self._process: AgentProcess | None = None
        self._started = 0.0
        self._delay_s = FIRST_DELAY_S
        self._restart: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None

    def start(self) -> None:
        """Start the agent.

        :raises OSError: no socket, or the process cannot be made.
        """
        process = AgentProcess(self._ended, self._log.line)
        ours = launch(self._reactor, self._home, PROGRAM, [b"--agent"], os.environb, process)
        self._process = process
        self._started = self._reactor.seconds()
        self._channel = FdChannel(self._reactor, ours, self._take, self._hung_up)
        self._channel.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))

    def deliver(
        self, order: spawn.DeliverOrder, descriptor: int | None, report: Report, permit: Permit | None = None
    ) -> None:
        """See seams.Courier; nothing comes ahead of its slot here."""
        channel = self._channel
        if channel is None or not channel.is_open or self._stopped is not None:
            if descriptor is not None:
                os.close(descriptor)
            self._reactor.callLater(0, report, ABSENT)
            return
        self._number = self._number % 0xFFFFFFFF + 1
        self._pending[self._number] = report
        channel.send(spawn.encode_order(self._number, order), () if descriptor is None else (descriptor,))

    def stop(self) -> Deferred[None]:
        """Take no more orders; fires when the deliveries begun are reported and the agent has gone, or after 10 s."""
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self._process is None:
            self._stopped = Deferred()
            return succeed(None)
        if self._stopped is None:
            self._stopped = Deferred()
            self._deadline = self._reactor.callLater(STOP_S, self._leave)
            if self._channel is not None:
                self._channel.finish()
        waiting: Deferred[None] = Deferred()
        self._stopped.addCallback(lambda _: waiting.callback(None))
        return waiting

    def _take(self, frame: spawn.Frame) -> None:
        if frame.kind == spawn.REPORT:
            report = self._pending.pop(frame.number, None)
            if report is not None:
                report(parse_report(frame.payload) or MANGLED)
        elif frame.kind != spawn.HELLO or frame.payload != b"%d" % spawn.VERSION:
            self._log.line(b"alert: qmail-rspawn speaks another language; is bin/qmail-rspawn of this version?")
            if self._channel is not None:
                self._channel.close()

    def _hung_up(self) -> None:
        """The socket has ended, so the process will; it gets no second chance to report."""
        if self._process is not None:
            self._process.kill()

    def _ended(self, reason: Failure) -> None:
        """The process is gone; what it still had to say has been read, unless it never will."""
        self._process = None
        self._leave()
        if self._stopped is not None:
            return
        self._log.line(b"alert: oh no! lost qmail-rspawn: %s" % why(reason))
        self._plan_restart()
        self._on_lost()

    def _leave(self) -> None:
        """What has not been reported by now is deferred."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        if self._channel is not None:
            self._channel.drain()
            self._channel = None
        pending, self._pending = self._pending, {}
        for report in pending.values():
            report(CRASHED)
        if self._stopped is not None and not self._stopped.called:
            self._stopped.callback(None)

    def _plan_restart(self) -> None:
        if self._reactor.seconds() - self._started >= STABLE_S:
            self._delay_s = FIRST_DELAY_S
        self._restart = self._reactor.callLater(self._delay_s, self._start_again)
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    def _start_again(self) -> None:
        self._restart = None
        try:
            self.start()
        except OSError as error:
            self._log.line(b"alert: unable to start qmail-rspawn: " + str(error).encode())
            self._plan_restart()

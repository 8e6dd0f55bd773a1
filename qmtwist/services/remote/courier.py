"""The daemon's side of the remote agents: orders to `qmail-rspawn --agent`, reports from it (seams.RemoteCourier)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.agentprocess import AgentProcess, launch, why
from qmtwist.services.fdchannel import FdChannel, IAgentReactor
from qmtwist.services.seams import Permit
from qmtwist.wire import remoteorder, spawn
from qmtwist.wire.remoteorder import RemoteOrder

PROGRAM = "qmail-rspawn"
STOP_S = 10.0  # a far host may let us wait for twenty minutes
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 60.0
CUT_OFF = Outcome(Verdict.DEFERRAL, b"qmail-rspawn was stopped during this delivery. (#4.3.0)\n")
CRASHED = Outcome(Verdict.DEFERRAL, b"qmail-remote crashed.\n")
ABSENT = Outcome(Verdict.DEFERRAL, b"qmail-rspawn is not running. (#4.3.0)\n")
MANGLED = Outcome(Verdict.DEFERRAL, b"qmail-rspawn sent a mangled report. (#4.3.0)\n")
NO_MEMORY = Outcome(Verdict.DEFERRAL, b"qmail-rspawn: out of memory. (#4.3.0)\n")

Report = Callable[[int, Outcome], None]
Starter = Callable[[Sequence[bytes]], socket.socket | None]
"""Starts qmail-rspawn with these words for somebody who cannot make it qmailr; our end of its socket. None: cannot."""


class Log(Protocol):
    """Where lines for the log go."""

    def line(self, line: bytes, /) -> None:
        """Take one line without its LF."""

    def remark(self, level: str, text: str, /) -> None:
        """Take a notice that qmail-log(5) does not know."""


class _Pending:
    """A transaction of which not every recipient has been reported."""

    __slots__ = ("left", "permit", "report")

    def __init__(self, count: int, report: Report, permit: Permit) -> None:
        self.left = set(range(count))
        self.report = report
        self.permit: Permit | None = permit

    def give_up(self, outcome: Outcome) -> None:
        """The same for all who are left."""
        left, self.left = sorted(self.left), set()
        for index in left:
            self.report(index, outcome)


class RemoteAgent:
    """One agent process, started again when it dies: at once if it was of use, else with growing delays.

    Made by RemoteAgents.
    `on_lost` is called whenever it dies without having been stopped, after its deliveries have been deferred; who does
    not want it to come back calls `stop` from there.
    """

    def __init__(
        self,
        reactor: IAgentReactor,
        home: str,
        log: Log,
        words: Sequence[bytes],
        on_lost: Callable[[], None],
        starter: Starter = lambda words: None,
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._log = log
        self._words = words
        self._on_lost = on_lost
        self._starter = starter
        self._pending: dict[int, _Pending] = {}
        self._number = 0
        self._channel: FdChannel | None = None
        self._process: AgentProcess | None = None  # None also while somebody else's child serves us
        self._has_reported = False  # since it was started
        self._delay_s = FIRST_DELAY_S
        self._restart: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._deadline: IDelayedCall | None = None

    @property
    def is_up(self) -> bool:
        """Whether it takes orders."""
        return self._channel is not None and self._channel.is_open and self._stopped is None

    def start(self) -> None:
        """Start the agent.

        :raises OSError: no socket, or the process cannot be made.
        """
        ours = self._starter(self._words)
        if ours is None:
            process = AgentProcess(self._ended, self._log.line)
            ours = launch(self._reactor, self._home, PROGRAM, self._words, os.environb, process)
            self._process = process
        self._has_reported = False
        self._channel = FdChannel(self._reactor, ours, self._take, self._hung_up)
        self._channel.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))

    def transact(self, order: RemoteOrder, descriptor: int | None, report: Report, permit: Permit) -> None:
        """See seams.RemoteCourier."""
        count = len(order.locals)
        channel = self._channel
        if channel is None or not self.is_up:
            return self._refuse(count, descriptor, report, ABSENT)
        if descriptor is None and not remoteorder.fits(order):
            try:
                descriptor = _in_memory(order.message or b"")
            except OSError:
                return self._refuse(count, None, report, NO_MEMORY)
            order = order._replace(message=None)
        number = self._number = self._number % 0xFFFFFFFF + 1
        self._pending[number] = _Pending(count, report, permit)
        attached = () if descriptor is None else (descriptor,)
        return channel.send(remoteorder.encode_transaction(number, order), attached)

    def reload(self) -> None:
        """Let it read control/ again; one that is not running does so when it starts."""
        if self._channel is not None:
            self._channel.send(spawn.frame(remoteorder.RELOAD, 0))

    def stop(self, patience_s: float | None = None) -> Deferred[None]:
        """Take no more orders; fires when the deliveries begun are reported and the agent has gone, or after so long.

        Without `patience_s` that is 10 s. What is under way then is deferred.
        """
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None
        if self._process is None and self._channel is None:
            self._stopped = Deferred()
            return succeed(None)
        if self._stopped is None:
            self._stopped = Deferred()
            self._deadline = self._reactor.callLater(STOP_S if patience_s is None else patience_s, self._leave)
            if self._channel is not None:
                self._channel.finish()
        waiting: Deferred[None] = Deferred()
        self._stopped.addCallback(lambda _: waiting.callback(None))
        return waiting

    def _refuse(self, count: int, descriptor: int | None, report: Report, outcome: Outcome) -> None:
        if descriptor is not None:
            os.close(descriptor)
        for index in range(count):
            self._reactor.callLater(0, report, index, outcome)

    # -- what it says

    def _take(self, frame: spawn.Frame) -> None:
        kind = frame.kind
        if kind == remoteorder.REPORT:
            self._reported(frame)
        elif kind == remoteorder.HEAVY:
            self._connected(frame.number)
        elif kind == remoteorder.NOTE:
            self._log.remark("", frame.payload.decode("utf-8", "backslashreplace"))
        elif kind != spawn.HELLO or frame.payload != b"%d" % spawn.VERSION:
            self._log.line(b"alert: qmail-rspawn speaks another language; is bin/qmail-rspawn of this version?")
            if self._channel is not None:
                self._channel.close()

    def _reported(self, frame: spawn.Frame) -> None:
        pending = self._pending.get(frame.number)
        index, outcome = remoteorder.parse_report_of(frame.payload)
        if pending is None or index not in pending.left:
            return
        self._has_reported = True
        pending.left.discard(index)
        if not pending.left:
            del self._pending[frame.number]
        pending.report(index, outcome or MANGLED)

    def _connected(self, number: int) -> None:
        pending = self._pending.get(number)
        if pending is not None and pending.permit is not None:
            permit, pending.permit = pending.permit, None
            permit(partial(self._go, number, pending))

    def _go(self, number: int, pending: _Pending) -> None:
        if self._channel is not None and self._pending.get(number) is pending:
            self._channel.send(spawn.frame(remoteorder.GO, number))

    # -- its end

    def _hung_up(self) -> None:
        """The socket has ended, so the process will; it gets no second chance to report."""
        if self._process is not None:
            self._process.kill()
        elif self._channel is not None:
            self._gone(b"it hung up")

    def _ended(self, reason: Failure) -> None:
        """The process is gone; what it still had to say has been read, unless it never will."""
        self._process = None
        self._gone(why(reason))

    def _gone(self, how: bytes) -> None:
        self._leave()
        if self._stopped is not None:
            return
        self._log.line(b"alert: oh no! lost qmail-rspawn: %s" % how)
        self._plan_restart()
        self._on_lost()

    def _leave(self) -> None:
        """What has not been reported by now is deferred."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.drain()
        pending, self._pending = self._pending, {}
        outcome = CRASHED if self._stopped is None else CUT_OFF
        for transaction in pending.values():
            transaction.give_up(outcome)
        if self._stopped is not None and not self._stopped.called:
            self._stopped.callback(None)

    def _plan_restart(self) -> None:
        if self._has_reported:
            self._delay_s = FIRST_DELAY_S
            self._restart = self._reactor.callLater(0, self.start_if_possible)
            return
        self._restart = self._reactor.callLater(self._delay_s, self.start_if_possible)
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S)

    def start_if_possible(self) -> None:
        """Start the agent, now or as soon as that can be done."""
        self._restart = None
        try:
            self.start()
        except OSError as error:
            self._log.line(b"alert: unable to start qmail-rspawn: " + str(error).encode())
            self._plan_restart()


def _in_memory(message: bytes) -> int:
    """A descriptor of a message that does not fit into a frame.

    :raises OSError: no memory, or no descriptor.
    """
    descriptor = os.memfd_create("message", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(message)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor

"""The daemon's side of the local agent: whose is an address, orders to the workers. (qmail-lspawn(8); seams.Courier)

The agent names the account and passes the channel of its worker; orders then go to the worker directly. Lookups are
remembered for a moment, and as long as neither users/cdb nor the password file changes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from qmtwist.control.settings import DeliverySettings
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.mail.outcome import Outcome, Verdict, parse_report
from qmtwist.services.agentprocess import AgentProcess, why
from qmtwist.services.fdchannel import FdChannel, IAgentReactor
from qmtwist.services.seams import Permit
from qmtwist.wire import spawn
from qmtwist.wire.spawn import Frame

from .mailboxes import MailboxWorker
from .recentchecks import RecentChecks
from .start import ask_for_courier, launch_local
from .workerlink import CRASHED, LoggedIn, WorkerLink

ACCOUNT_TTL_S = 2.0
ACCOUNT_LIMIT = 10_000
SIGNATURE_S = 0.5  # users/cdb and the password file are looked at no oftener
SWEEP_S = 10.0
WORKER_LIMIT = 100  # above it the worker that was idle longest is let go
LOOKUP_ATTEMPTS = 3  # a worker may end while the agent names it
STOP_S = 15.0  # longer than the agent gives its workers (agents.local.agent.PATIENCE_S)

ABSENT = Outcome(Verdict.DEFERRAL, b"qmail-lspawn is not running. (#4.3.0)\n")
MANGLED = Outcome(Verdict.DEFERRAL, b"qmail-lspawn sent a mangled report. (#4.3.0)\n")
FORGOTTEN = Outcome(Verdict.DEFERRAL, b"The account must be looked up again. (#4.3.0)\n")

Found = Callable[["WorkerLink | Outcome"], None]


class _Known(NamedTuple):
    """Which worker serves a local part, until when, and the signature of the files that said so."""

    link: WorkerLink
    until: float
    signature: object


class _Lookup(NamedTuple):
    """A question under way, and who waits for the answer."""

    local: bytes
    waiting: list[Found]
    attempt: int


class LocalAgent:
    """Made by `assemble`; `start` it while the daemon is still root, because it cannot be started again after that.

    `on_lost` is called once if it dies without having been stopped.
    """

    def __init__(
        self,
        reactor: IAgentReactor,
        home: str,
        settings: DeliverySettings,
        checkpassword: bytes | None,
        log: Callable[[bytes], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._settings = settings
        self._checkpassword = checkpassword
        self._log = log
        self._on_lost = on_lost
        self._channel: FdChannel | None = None
        self._process: AgentProcess | None = None
        self._links: dict[int, WorkerLink] = {}
        self._known: dict[bytes, _Known] = {}
        self._lookups: dict[int, _Lookup] = {}
        self._asked: dict[bytes, int] = {}
        self._logins: dict[int, Deferred[MailboxWorker]] = {}
        self._number = 0
        self._signature: object = None
        self._signature_at = float("-inf")
        self._sweep: IDelayedCall | None = None
        self._stopped: list[Deferred[None]] | None = None
        self._deadline: IDelayedCall | None = None
        self._is_lost = self._is_root = False
        self._checks = RecentChecks(reactor)

    def start(self) -> None:
        """Run the agent.

        :raises OSError: it cannot be run.
        """
        self._is_root = os.geteuid() == 0
        self._process = AgentProcess(self._ended, self._log)
        ours = launch_local(self._reactor, self._home, self._settings, self._checkpassword, self._process)
        self._channel = FdChannel(self._reactor, ours, self._take, self._hung_up)
        self._send(spawn.HELLO, 0, b"%d" % spawn.VERSION)

    def start_courier(self, words: Sequence[bytes]) -> socket.socket | None:
        """remoteagent.Starter, for a daemon that has given up root."""
        can = self._is_root and os.geteuid() != 0 and self._channel is not None and self._channel.is_open
        return ask_for_courier(self._channel, words) if can and self._channel is not None else None

    # -- what is asked of it

    def deliver(
        self,
        order: spawn.DeliverOrder,
        descriptor: int | None,
        report: Callable[[Outcome], None],
        permit: Permit | None = None,
    ) -> None:
        """seams.Courier"""

        def found(link: WorkerLink | Outcome) -> None:
            if isinstance(link, Outcome):
                if descriptor is not None:
                    os.close(descriptor)
                report(link)
            else:
                link.deliver(order, descriptor, lambda frame: self._delivered(order, report, permit, frame), permit)

        self._find(order.local, found)

    def check(self, local: bytes, host: bytes) -> bytes | Deferred[bytes]:
        """Whether this address has a mailbox: b"y", b"n" or b"?"; at once where that was asked a moment ago."""
        return self._checks.ask(local + b"\0" + host, lambda: self._ask_whether(local, host))

    def forget(self) -> None:
        """Look everything up anew."""
        self._known.clear()
        self._checks.forget()

    def channel_request(self, local: bytes, kind: bytes, payload: bytes) -> Deferred[tuple[Frame, int | None]]:
        """An order to the worker of whoever owns a local part; its answer. Fails with a MailError."""
        answer: Deferred[tuple[Frame, int | None]] = Deferred()
        self._request(local, kind, payload, answer, True)
        return answer

    def login(self, name: bytes, secret: bytes, challenge: bytes) -> Deferred[MailboxWorker]:
        """Run the checkpassword program; a worker as the user that it became.

        Fails with Permanent: wrong; with Temporary: cannot tell.
        """
        if self._channel is None or not self._channel.is_open or self._stopped is not None:
            return fail(Temporary(ABSENT.text.decode()))
        self._number = self._number % 0xFFFFFFFF + 1
        done = self._logins[self._number] = Deferred()
        self._send(spawn.LOGIN, self._number, b"%s\0%s\0%s\0" % (name, secret, challenge))
        return done

    def stop(self) -> Deferred[None]:
        """Take no more orders; fires when the workers have finished and the agent has gone, or after 15 seconds."""
        done: Deferred[None] = Deferred()
        if self._stopped is not None:
            self._stopped.append(done)
        else:
            self._stopped = [done]
            if self._sweep is not None:
                self._sweep.cancel()
                self._sweep = None
            for link in list(self._links.values()):
                link.finish()
            if self._channel is not None:
                self._channel.finish()
            self._deadline = self._reactor.callLater(STOP_S, self._leave)
        if self._process is None or (self._deadline is not None and not self._deadline.active()):
            self._leave()
        return done

    # -- deliveries

    def _delivered(
        self,
        order: spawn.DeliverOrder,
        report: Callable[[Outcome], None],
        permit: Permit | None,
        frame: Frame | None,
    ) -> None:
        if frame is None:
            report(CRASHED)
        elif frame.kind == spawn.UNKNOWN:
            self._known.pop(order.local, None)
            # its descriptor is closed by now; the next attempt brings a new one
            report(FORGOTTEN) if order.message is None else self._deliver_again(order, report, permit)
        else:
            report(parse_report(frame.payload) or MANGLED)

    def _deliver_again(
        self, order: spawn.DeliverOrder, report: Callable[[Outcome], None], permit: Permit | None
    ) -> None:
        def answered(frame: Frame | None) -> None:
            if frame is None or frame.kind == spawn.UNKNOWN:
                report(CRASHED if frame is None else FORGOTTEN)
            else:
                report(parse_report(frame.payload) or MANGLED)

        def found(link: WorkerLink | Outcome) -> None:
            report(link) if isinstance(link, Outcome) else link.deliver(order, None, answered, permit)

        self._find(order.local, found)

    # -- other orders

    def _ask_whether(self, local: bytes, host: bytes) -> Deferred[bytes]:
        asked = self.channel_request(local, spawn.CHECK, local + b"\0" + host)
        return asked.addCallbacks(lambda answer: answer[0].payload, _no_account)

    def _request(
        self, local: bytes, kind: bytes, payload: bytes, answer: Deferred[tuple[Frame, int | None]], may_repeat: bool
    ) -> None:
        def answered(link: WorkerLink, frame: Frame | None) -> None:
            if frame is None:
                answer.errback(Temporary(CRASHED.text.decode()))
            elif frame.kind == spawn.UNKNOWN and may_repeat:
                self._known.pop(local, None)
                self._request(local, kind, payload, answer, False)
            elif frame.kind == spawn.UNKNOWN:
                answer.errback(Temporary(FORGOTTEN.text.decode()))
            else:
                link.mailboxes += (frame.kind == spawn.LISTING) - (frame.kind == spawn.LEFT)
                answer.callback((frame, None))

        def found(link: WorkerLink | Outcome) -> None:
            if isinstance(link, Outcome):
                text = link.text.decode("latin-1")
                answer.errback(Permanent(text) if link.verdict is Verdict.FAILURE else Temporary(text))
            else:
                link.send(kind, payload, lambda frame: answered(link, frame))

        self._find(local, found)

    # -- accounts

    def _find(self, local: bytes, found: Found) -> None:
        """Call `found` with the worker for a local part, or with why there is none; at once if it is known."""
        now = self._reactor.seconds()
        known = self._known.get(local)
        if known is not None and known.until > now and known.link.is_open and known.signature == self._look(now):
            known.link.used_at = now
            found(known.link)
            return
        if self._channel is None or not self._channel.is_open or self._stopped is not None:
            found(ABSENT)
            return
        asked = self._asked.get(local)
        if asked is not None:
            self._lookups[asked].waiting.append(found)
        else:
            self._look_up(_Lookup(local, [found], 1))

    def _look_up(self, lookup: _Lookup) -> None:
        self._number = self._number % 0xFFFFFFFF + 1
        self._asked[lookup.local] = self._number
        self._lookups[self._number] = lookup
        self._send(spawn.LOOKUP, self._number, lookup.local)

    def _look(self, now: float) -> object:
        if now - self._signature_at >= SIGNATURE_S:
            self._signature_at = now
            self._signature = tuple(map(_stamp, (f"{self._home}/users/cdb", "/etc/passwd")))
        return self._signature

    def _take(self, frame: Frame) -> None:
        if frame.kind == spawn.ACCOUNT:
            self._answered(frame.number, self._links.get(int(frame.payload.rpartition(b"\0")[2]), CRASHED))
        elif frame.kind == spawn.REFUSAL:
            self._answered(frame.number, parse_report(frame.payload) or MANGLED)
        elif frame.kind == spawn.WORKER and self._channel is not None:
            self._employ(frame.number, int(frame.payload), self._channel.take_descriptor())
        elif frame.kind != spawn.HELLO or frame.payload != b"%d" % spawn.VERSION:
            self._log(b"alert: qmail-lspawn speaks another language; is bin/qmail-lspawn of this version?")
            if self._channel is not None:
                self._channel.close()

    def _answered(self, number: int, answer: WorkerLink | Outcome) -> None:
        login = self._logins.pop(number, None)
        if login is not None:
            _settle_login(login, answer)
            return
        lookup = self._lookups.pop(number, None)
        if lookup is None:
            return
        self._asked.pop(lookup.local, None)
        if answer is CRASHED and lookup.attempt < LOOKUP_ATTEMPTS:
            # The worker has ended since the agent named it; the agent knows that by now.
            self._look_up(lookup._replace(attempt=lookup.attempt + 1))
            return
        if isinstance(answer, WorkerLink):
            self._remember(lookup.local, answer)
        for found in lookup.waiting:
            found(answer)

    def _remember(self, local: bytes, link: WorkerLink) -> None:
        now = self._reactor.seconds()
        self._known.pop(local, None)
        self._known[local] = _Known(link, now + ACCOUNT_TTL_S, self._look(now))
        link.used_at = now
        if len(self._known) > ACCOUNT_LIMIT:
            del self._known[next(iter(self._known))]

    # -- workers

    def _employ(self, serial: int, uid: int, descriptor: int | None) -> None:
        if descriptor is None:  # we have no room for it; whoever asked is deferred
            return self._send(spawn.LOST, serial, b"%d" % uid)
        now = self._reactor.seconds()
        self._links[serial] = WorkerLink(self._reactor, serial, uid, descriptor, now, self._dismissed)
        if self._sweep is None and self._stopped is None:
            self._sweep = self._reactor.callLater(SWEEP_S, self._sweep_links)
        if len(self._links) > WORKER_LIMIT:
            idle = [link for link in self._links.values() if link.is_idle() and link.serial != serial]
            if idle:
                min(idle, key=lambda link: link.used_at).close()
        return None

    def _dismissed(self, link: WorkerLink) -> None:
        self._links.pop(link.serial, None)
        self._send(spawn.LOST, link.serial, b"%d" % link.uid)

    def _sweep_links(self) -> None:
        self._sweep = None
        now = self._reactor.seconds()
        for link in list(self._links.values()):
            if link.is_idle() and now - link.used_at >= self._settings.worker_idle_s:
                link.close()
        if self._links:
            self._sweep = self._reactor.callLater(SWEEP_S, self._sweep_links)

    # -- the agent itself

    def _send(self, kind: bytes, number: int, payload: bytes) -> None:
        if self._channel is not None and self._channel.is_open:
            self._channel.send(spawn.frame(kind, number, payload))

    def _hung_up(self) -> None:
        """Its socket has ended, so what was asked will not be answered; it ends itself when its workers have."""
        for number in [*self._lookups, *self._logins]:
            self._answered(number, ABSENT)
        if self._stopped is None:
            self._lose(b"it hung up")

    def _ended(self, reason: Failure) -> None:
        self._process = None
        self._lose(why(reason)) if self._stopped is None else self._leave()
        if self._channel is not None:
            self._channel.drain()

    def _lose(self, why_: bytes) -> None:
        """It cannot be started again. What its workers have in hand still ends well, as far as they tell."""
        if not self._is_lost:
            self._is_lost = True
            self._log(b"alert: qmail-lspawn is gone: " + why_)
            self._on_lost()

    def _leave(self) -> None:
        """The end of `stop`, whatever still runs."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        for link in list(self._links.values()):
            link.drain()
        if self._channel is not None:
            self._channel.close()
        waiting, self._stopped = self._stopped or [], []
        for done in waiting:
            done.callback(None)


def _settle_login(login: Deferred[MailboxWorker], answer: WorkerLink | Outcome) -> None:
    if isinstance(answer, WorkerLink):
        login.callback(LoggedIn(answer))
    else:
        text = answer.text.decode("latin-1")
        login.errback(Permanent(text) if answer.verdict is Verdict.FAILURE else Temporary(text))


def _no_account(failure: Failure) -> bytes:
    """Without an account there is no mailbox; any other trouble decides nothing."""
    return b"n" if isinstance(failure.value, Permanent) else b"?"


def _stamp(path: str) -> object:
    try:
        status = os.stat(path)
    except OSError as error:
        return error.errno
    return status.st_mtime_ns, status.st_ino, status.st_size

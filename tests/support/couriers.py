"""A queue manager whose agents obey the test: the real queue on a real disk, with deliveries out of a script."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from qmtwist.control.settings import SendSettings
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError
from qmtwist.mail.outcome import Outcome, Verdict
from qmtwist.services.log.telemetry import Telemetry
from qmtwist.services.seams import Intake, Origin, Permit, Receipt
from qmtwist.services.send.queue import Queue
from qmtwist.store import trigger
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.remoteorder import RemoteOrder
from qmtwist.wire.spawn import DeliverOrder
from tests.support.queues import files, make_queue

HOST = b"mail.example.org"
LIMIT_S = 10.0
NO_MAILBOX = Outcome(Verdict.FAILURE, b"Sorry, no mailbox here by that name. (#5.1.1)\n")
DID = Outcome(Verdict.SUCCESS, b"did 1+0+0\n")
SENT = Outcome(Verdict.SUCCESS, b"192.0.2.1 accepted message.\nRemote host said: 250 ok\n")
SOFT = Outcome(Verdict.DEFERRAL, b"Sorry, I was not able to establish an SMTP connection. (#4.4.1)\n")
DIED = Outcome(Verdict.DEFERRAL, b"Connected to 192.0.2.1 but connection died. (#4.4.2)\n")
HARD = Outcome(
    Verdict.FAILURE,
    b"does not like recipient.\nRemote host said: 550 no such user\nGiving up on 192.0.2.1.\nGiving up on 192.0.2.1.\n",
)

SETTINGS = SendSettings(
    locals=frozenset({HOST, b"example.org"}),
    virtualdomains={},
    percenthack=frozenset(),
    envnoathost=HOST,
    bouncefrom=b"MAILER-DAEMON",
    bouncehost=HOST,
    doublebounceto=b"postmaster",
    doublebouncehost=HOST,
    queuelifetime_s=604800,
    concurrencylocal=10,
    concurrencyremote=20,
    journalmax_bytes=128 * 1024,
)


class Attempt(NamedTuple):
    """One delivery that was ordered."""

    channel: str
    sender: bytes
    recipient: bytes
    message: bytes


Script = Callable[[Attempt, int], Outcome | None]  # and how often this recipient was tried before; None: hold it


def standard(attempt: Attempt, before: int) -> Outcome:
    """Everybody has a mailbox but `no…`; remote hosts do what the first letters of the recipient say."""
    name = attempt.recipient
    if attempt.channel == "local":
        return NO_MAILBOX if b"-no" in name or name.startswith(b"no") else DID
    if name.startswith(b"hard"):
        return HARD
    if name.startswith(b"soft"):
        return SOFT
    return DIED if name.startswith(b"once") and not before else SENT


class ScriptedCourier:
    """Stands in for the local agent (seams.Courier)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def deliver(
        self,
        order: DeliverOrder,
        descriptor: int | None,
        report: Callable[[Outcome], None],
        permit: Permit | None = None,
    ) -> None:
        """Note it, and report what the script says; a delivery that the script holds waits in `desk.held`."""
        if permit is not None:
            permit(lambda: self._begin(order, descriptor, report))
        else:
            self._begin(order, descriptor, report)

    def _begin(self, order: DeliverOrder, descriptor: int | None, report: Callable[[Outcome], None]) -> None:
        content = read_message(order.message, descriptor)
        content = order.head + content[order.skip :]
        self._desk.attempted(Attempt("local", order.sender, order.local + b"@" + order.host, content), report)


class ScriptedRemote:
    """Stands in for the remote agent (seams.RemoteCourier): hosts are found at once, but for `unreachable` ones."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.runs_programs = False
        self.unreachable: set[bytes] = set()
        self.looking: list[Callable[[int, Outcome], None]] = []  # transactions with these
        self.orders: list[RemoteOrder] = []

    def transact(
        self, order: RemoteOrder, descriptor: int | None, report: Callable[[int, Outcome], None], permit: Permit
    ) -> None:
        """As above, for each recipient."""
        content = read_message(order.message, descriptor)
        content = order.head + content[order.skip :]
        self.orders.append(order)
        if self.runs_programs:
            self._begin(order, content, report)
        elif order.host in self.unreachable:
            self.looking.append(report)
        else:
            permit(lambda: self._begin(order, content, report))

    def _begin(self, order: RemoteOrder, content: bytes, report: Callable[[int, Outcome], None]) -> None:
        for index, recipient in enumerate(order.recipients()):
            attempt = Attempt("remote", order.sender, recipient, content)
            self._desk.attempted(attempt, partial(report, index))


def read_message(content: bytes | None, descriptor: int | None) -> bytes:
    """The message of an order, inline or by its descriptor, which is closed."""
    if descriptor is not None:
        with open(descriptor, "rb") as stream:
            content = stream.read()
    assert content is not None
    return content


class Desk:
    """One queue in a home, its log in memory. Open it, feed it, stop it or kill it."""

    def __init__(self, reactor: Any, home: str, script: Script = standard, settings: SendSettings = SETTINGS) -> None:
        self.reactor = reactor
        self.home = home
        self.settings = settings
        self.script = script
        self.lines: list[bytes] = []
        self.attempts: list[Attempt] = []
        self.held: list[tuple[Attempt, Callable[[Outcome], None]]] = []
        self.remote = ScriptedRemote(self)
        if not os.path.isdir(f"{home}/queue"):
            make_queue(f"{home}/queue")
            os.mkdir(f"{home}/queue/journal")
            os.chmod(f"{home}/queue/lock/trigger", 0o622)
        self.layout = Layout(f"{home}/queue")
        self.queue: Queue | None = None

    def open(self) -> Queue:
        """Start the queue manager."""
        telemetry = Telemetry(self.lines.append, False, time.time)
        queue = Queue(self.reactor, self.home, self.settings, telemetry, Origin(b"for bounce", 1007))
        queue.open(ScriptedCourier(self), self.remote)
        self.queue = queue
        return queue

    @property
    def running(self) -> Queue:
        """The queue manager that was opened."""
        assert self.queue is not None
        return self.queue

    def attempted(self, attempt: Attempt, report: Callable[[Outcome], None]) -> None:
        """A delivery begins: what the script says of it, soon."""
        before = sum(past[:3] == attempt[:3] for past in self.attempts)
        self.attempts.append(attempt)
        outcome = self.script(attempt, before)
        if outcome is None:
            self.held.append((attempt, report))
        else:
            self.reactor.callLater(0, report, outcome)

    # -- what clients do

    def begin(self, on_drain: Callable[[], None] = lambda: None) -> Any:
        """A draft of a message."""
        return self.running.intake.open(Origin(b"by uid 1000", 1000), on_drain)

    def submit(
        self, sender: bytes, recipients: list[bytes], message: bytes = b"Subject: test\n\nbody\n"
    ) -> Deferred[Receipt | MailError]:
        """Queue a message as a client does; fires with the answer."""
        answered: Deferred[Receipt | MailError] = Deferred()
        draft = self.begin()
        draft.write(message)
        draft.commit(Envelope(sender, tuple(recipients)), answered.callback)
        return answered.addTimeout(LIMIT_S, self.reactor)

    def put_todo(self, number: int, data: bytes, message: bytes = b"Subject: foreign\n\nbody\n") -> None:
        """A message as another program's qmail-queue leaves it."""
        for path, content in ((self.layout.mess(number), message), (self.layout.todo(number), data)):
            with open(path, "wb") as stream:
                stream.write(content)
        trigger.pull(self.layout.trigger)

    # -- waiting

    async def until(self, condition: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Wait until this is so."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, b"\n".join(self.lines).decode("latin-1")
            await deferLater(self.reactor, 0.0005)

    def is_quiet(self) -> bool:
        """Whether nothing is going on and nothing is due now."""
        queue = self.running
        manager = queue.manager
        is_due = any(
            due <= manager.now() and manager.machine.limit(channel)
            for channel in ("local", "remote")
            for due, _ in manager.machine.waiting(channel)
        )
        return (
            not is_due
            and manager.machine.is_idle()
            and not manager.busy
            and not queue.intake.drafts
            and queue._todo.is_idle()
            and not manager._is_pumping
        )

    async def settle(self) -> None:
        """Wait until nothing more happens by itself."""
        still = 0
        while still < 3:
            await self.until(self.is_quiet)
            await deferLater(self.reactor, 0.0005)
            still = still + 1 if self.is_quiet() else 0

    async def settle_but_held(self) -> None:
        """The same while the script holds deliveries."""
        await self.until(lambda: self.running.manager.busy == 0 and not self.running.intake.drafts)
        flushed: list[bool] = []
        self.running.journal.flush(lambda: flushed.append(True))
        await self.until(lambda: flushed)

    # -- ends

    async def stop(self) -> None:
        """Stop cleanly, as by TERM."""
        if self.queue is not None:
            queue, self.queue = self.queue, None
            await queue.stop().addTimeout(LIMIT_S, self.reactor)

    def copy(self, home: str) -> Desk:
        """What a kill at this moment would leave, as a desk of its own with the same script."""
        # the journal's own thread may be writing: a torn tail is part of the trial
        shutil.copytree(self.home, home, ignore=lambda _, names: [name for name in names if name == "trigger"])
        os.mkfifo(f"{home}/queue/lock/trigger")
        os.chmod(f"{home}/queue/lock/trigger", 0o622)
        return Desk(self.reactor, home, self.script, self.settings)

    # -- looking

    def files(self) -> dict[str, bytes]:
        """Every queue file, by its name below queue/, without the journal's."""
        return {name: data for name, data in files(self.layout).items() if not name.startswith("journal/")}

    def log(self) -> list[str]:
        """The log with message numbers and sizes as the recorded cases have them."""
        numbers: dict[bytes, bytes] = {}
        shown = []
        for line in self.lines:
            found = re.match(rb"new msg (\d+)$", line)
            if found:
                numbers.setdefault(found[1], b"<MSG%d>" % (len(numbers) + 1))
            line = re.sub(rb"\b(msg |bounce/)(\d+)", lambda m: m[1] + numbers.get(m[2], b"<MSG>"), line)
            line = re.sub(rb"bytes \d+ from", b"bytes <N> from", line)
            line = re.sub(rb" qp \d+", b" qp <PID>", line)
            shown.append(line.decode("latin-1"))
        return shown

    def use_bounce_intake(self, intake: Intake) -> None:
        """Queue bounces in another way."""
        self.running.use_bounce_intake(intake)


def anonymous(message: bytes) -> bytes:
    """A message without what differs each time: numbers and dates in the lines that we add."""
    message = re.sub(rb"\(qmail \d+ invoked", b"(qmail <PID> invoked", message)
    return re.sub(rb"\b\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d -0000", b"<RFC822DATE>", message)

"""One user's deliveries and mailbox reads, in a process that has become that user. (design: the local agent's workers)

A worker believes its channel, which leads to the daemon, only what to deliver and to which local part. Who that local
part is (home, .qmail extension) it knows from the agent alone, over a pipe of its own: so a daemon gone astray cannot
make one user's worker act in another home. All orders that are there are carried out together: see `batch`. What may
take its time (programs, mboxes, forwarding) runs in children, so that it holds up nothing else.
"""

from __future__ import annotations

import os
import stat
import traceback

from qmtwist.agents.channel import Channel
from qmtwist.control.replaced import Watch
from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.mail.shapes import Mapping, NamedTuple
from qmtwist.rules import localreport
from qmtwist.rules.users import Account
from qmtwist.store import content, maildir
from qmtwist.store.content import Handed, Message, Spliced, as_descriptor
from qmtwist.store.signals import signal
from qmtwist.wire import spawn
from qmtwist.wire.flush import KEPT_BYTES, encode_flushed, parse_flush

from . import lspawn
from .batch import Batch, complaint
from .deliver import FORBIDDEN_MODE, Courier, Delivery, Plan, Refusal, find, maildir_pieces, only_maildir, plan
from .flush import flush
from .forked import Forked
from .held import Held, Start
from .login import greeting
from .mailbox import Mailboxes
from .program import Inside

ACCOUNT_LIMIT = 10_000  # local parts that a worker remembers, the latest ones
_MAILBOX_KINDS = frozenset((spawn.OPEN, spawn.FETCH, spawn.LEAVE))
_PATIENCE_S = 1.0
_NO_FORK = b"Zqmail-spawn unable to fork. (#4.3.0)\n"
_NO_MESSAGE = b"Zqmail-spawn unable to open message. (#4.3.0)\n"


class Terms(NamedTuple):
    """What all workers of one agent have in common."""

    home: str
    environ: Mapping[bytes, bytes]
    defaultdelivery: bytes
    program_limit_s: int
    inside: Inside | None = None  # programs that need no process of their own


class Worker:
    """Made once in a forked process, after it has become the user; `run` is the rest of its life."""

    def __init__(self, terms: Terms, channel: Channel, assertions: int | None, only: Account | None = None) -> None:
        """`assertions` is where the agent speaks; with `only` nobody does, and this account's mailboxes are all that is
        served, whatever local part is named.
        """
        self._terms = terms
        self._only = only
        self._channel = channel
        self._assertions = assertions
        self._reader = spawn.FrameReader()
        self._accounts: dict[bytes, Account] = {}
        self._children = Forked(self._child_ended)
        self._mailboxes = Mailboxes()
        self._held = Held()
        self._flushes: set[int] = set()  # children that send a maildir
        self._names = maildir.Names()
        self._qmail_local = Watch(terms.home, "qmail-local")
        self._null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self._out: list[bytes] = []
        self._is_leaving = False
        signal.signal(signal.SIGTERM, self._asked_to_stop)

    def run(self) -> None:
        """Serve until the daemon or the agent hangs up, then until the last child has ended.

        :raises Malformed: nonsense came over the channel.
        """
        watched = [self._channel.fileno()]
        if self._assertions is not None:
            watched.append(self._assertions)
        for descriptor in watched:
            self._children.watch(descriptor)
        while not self._is_leaving:
            self._turn(self._children.wait())
        for descriptor in watched:
            self._children.unwatch(descriptor)
        while len(self._children):
            self._children.wait(_PATIENCE_S)
            self._flush()

    def trust(self, local: bytes, account: Account) -> None:
        """The agent says so: what this worker may do for a local part. The oldest are forgotten first."""
        self._accounts.pop(local, None)
        self._accounts[local] = account
        if len(self._accounts) > ACCOUNT_LIMIT:
            del self._accounts[next(iter(self._accounts))]

    # -- a turn

    def _turn(self, ready: set[int]) -> None:
        frames = self._channel.receive() if self._channel.fileno() in ready else []
        # After the orders: what they rely on was in the pipe before they were sent.
        if ready and self._assertions is not None and not self._hear_agent(self._assertions):
            self._is_leaving = True
        if frames is None:
            self._is_leaving = True
        elif frames:
            self._obey(frames)
        self._flush()

    def _hear_agent(self, assertions: int) -> bool:
        """Take what the agent has said; False if it has hung up."""
        try:
            while data := os.read(assertions, 1 << 16):
                for frame in self._reader.receive(data):
                    local, account = parse_assertion(frame.payload)
                    self.trust(local, account)
        except BlockingIOError:
            return True
        return False

    def _obey(self, frames: list[spawn.Frame]) -> None:
        batch = Batch(self._names)
        is_replaced = self._qmail_local.is_replaced()
        for frame in frames:
            if self._only is not None and frame.kind not in _MAILBOX_KINDS:
                raise Malformed("this worker is for mailboxes")
            if frame.kind == spawn.DELIVER:
                self._deliver(frame.number, spawn.parse_order(frame.payload), batch, is_replaced)
            elif frame.kind == spawn.GO:
                self._held.go(frame.number)
            elif frame.kind == spawn.CHECK:
                self._check(frame)
            elif frame.kind == spawn.FLUSH:
                self._send_maildir(frame)
            elif frame.kind in _MAILBOX_KINDS:
                self._read_mailbox(frame)
            else:
                raise Malformed(f"unknown frame {frame.kind!r}")
        for number, report in batch.finish():
            self._report(number, report)

    def _flush(self) -> None:
        if self._out:
            out, self._out = self._out, []
            self._channel.send(b"".join(out))

    def _report(self, number: int, report: bytes) -> None:
        self._out.append(spawn.frame(spawn.REPORT, number, report))

    # -- deliveries

    def _deliver(self, number: int, order: spawn.DeliverOrder, batch: Batch, is_replaced: bool) -> None:
        message: Handed | None = order.message
        if message is None:
            descriptor = self._channel.take_descriptor()
            if descriptor is None:
                self._report(number, _NO_MESSAGE)
                return
            message = Spliced(descriptor, order.head, order.skip) if order.skip else descriptor
        try:
            self._begin(number, order, message, batch, is_replaced)
        except Exception:  # a bug may delay this message, and no other
            traceback.print_exc()
            self._report(number, localreport.report(localreport.SYSTEM, b""))
        finally:
            content.close(message)

    def _begin(self, number: int, order: spawn.DeliverOrder, message: Handed, batch: Batch, is_replaced: bool) -> None:
        account, descriptor = self._accounts.get(order.local), content.descriptor_of(message)
        if account is None:
            self._out.append(spawn.frame(spawn.UNKNOWN, number, b""))
        elif descriptor is not None and not stat.S_ISREG(os.fstat(descriptor).st_mode):
            self._report(number, _NO_MESSAGE)
        elif is_replaced:
            self._hold(number, message, lambda kept: self._run_replacement(number, order, account, kept))
        else:
            self._follow_plan(number, self._delivery(account, order.local, order.host, order.sender), message, batch)

    def _follow_plan(self, number: int, delivery: Delivery, message: Handed, batch: Batch) -> None:
        try:
            planned = plan(delivery, message)
        except Refusal as refusal:
            self._report(number, localreport.report(*refusal.ended))
            return
        except Temporary as trouble:
            self._report(number, complaint(trouble))
            return
        path = only_maildir(planned)
        if path is None:
            self._hold(number, message, lambda kept: self._carry_out(number, planned, kept))
        elif failed := batch.add(number, path, maildir_pieces(delivery, message)):
            self._report(*failed)

    def _delivery(self, account: Account, local: bytes, host: bytes, sender: bytes) -> Delivery:
        user, _, _, home, dash, ext = account
        return Delivery(user, home, local, dash, ext, host, sender, self._terms.defaultdelivery)

    def _hold(self, number: int, message: Handed, start: Start) -> None:
        """This one needs a process: ask the daemon when."""
        try:
            self._held.keep(number, message, start)
        except OSError:
            self._report(number, _NO_FORK)
        else:
            self._out.append(spawn.frame(spawn.HEAVY, number))

    def _carry_out(self, number: int, planned: Plan, handed: Handed) -> None:
        """In a child: any plan."""
        message = self._whole(number, handed)
        if message is None:
            return

        def work() -> int:
            home, environ, _, limit_s, inside = self._terms
            courier = Courier(os.fsencode(home), environ, limit_s, inside=inside)
            signal.signal(signal.SIGTERM, lambda number, frame: courier.stop())
            return _carry_out(courier, planned, 0 if isinstance(message, int) else message)

        try:
            self._children.start(number, message if isinstance(message, int) else self._null, work)
        except OSError:
            self._report(number, _NO_FORK)
        finally:
            if isinstance(handed, Spliced):
                content.close(message)

    def _whole(self, number: int, message: Handed) -> Message | None:
        """The message in one piece, for a program; None: that cannot be had, and is reported."""
        if not isinstance(message, Spliced):
            return message
        try:
            return as_descriptor(message)
        except (OSError, Temporary):
            self._report(number, _NO_MESSAGE)
            return None

    def _run_replacement(self, number: int, order: spawn.DeliverOrder, account: Account, message: Handed) -> None:
        """In a child: the qmail-local that was put in place of ours, with qmail's interface."""
        home, text = self._terms.home, self._terms.defaultdelivery

        def work() -> int:
            return lspawn.run_local(home, account, order.local, order.host, order.sender, text)

        try:
            descriptor = message if isinstance(message, int) else as_descriptor(message)
            try:
                os.lseek(descriptor, 0, os.SEEK_SET)
                self._children.start(number, descriptor, work, self._terms.program_limit_s)
            finally:
                if descriptor is not message:
                    os.close(descriptor)
        except (OSError, Temporary):
            self._report(number, _NO_FORK)

    def _child_ended(self, number: int, status: int, output: bytes) -> None:
        if number in self._flushes:
            self._flushes.remove(number)
            self._out.append(spawn.frame(spawn.FLUSHED, number, encode_flushed(status, output)))
            return
        self._report(number, localreport.report(status, output))

    def _asked_to_stop(self, number: int, frame: object) -> None:
        self._is_leaving = True
        self._children.stop()

    # -- questions

    def _check(self, frame: spawn.Frame) -> None:
        local, _, host = frame.payload.partition(b"\0")
        account = self._accounts.get(local)
        if account is None:
            self._out.append(spawn.frame(spawn.UNKNOWN, frame.number, b""))
            return
        answer = has_mailbox(self._delivery(account, local, host, b""))
        self._out.append(spawn.frame(spawn.CHECKED, frame.number, answer))

    def _send_maildir(self, frame: spawn.Frame) -> None:
        order, home = parse_flush(frame.payload), self._terms.home
        account = self._accounts.get(order.prefix)
        if account is None:
            self._out.append(spawn.frame(spawn.UNKNOWN, frame.number, b""))
            return
        try:
            limit_s = self._terms.program_limit_s
            self._children.start(frame.number, self._null, lambda: flush(home, account, order), limit_s, KEPT_BYTES)
        except OSError:
            self._out.append(spawn.frame(spawn.REFUSAL, frame.number, _NO_FORK))
        else:
            self._flushes.add(frame.number)

    def _read_mailbox(self, frame: spawn.Frame) -> None:
        home = b""
        if frame.kind == spawn.OPEN:
            account = self._only or self._accounts.get(frame.payload.partition(b"\0")[0])
            if account is None:
                self._out.append(spawn.frame(spawn.UNKNOWN, frame.number, b""))
                return
            home = account.home
        self._flush()
        for data, descriptor in self._mailboxes.handle(frame, home):
            self._channel.send(data, descriptor)


def has_mailbox(delivery: Delivery) -> bytes:
    """b"y": mail to this address has a place to go; b"n": it would bounce; b"?": that cannot be told now."""
    if not delivery.dash:
        return b"y"
    try:
        if os.stat(delivery.home + b"/.").st_mode & (stat.S_ISVTX | FORBIDDEN_MODE):
            return b"?"
        return b"n" if find(delivery) is None else b"y"
    except (OSError, Refusal):
        return b"?"


def serve_mailbox(home: str, descriptor: int) -> int:
    """Serve the mailboxes of whoever we are, after a checkpassword program has made us that user; the exit status."""
    directory = os.environb.get(b"HOME") or os.getcwdb()
    account = Account(os.environb.get(b"USER", b""), os.getuid(), os.getgid(), directory, b"", b"")
    os.umask(0o077)
    channel = Channel(descriptor)
    channel.send(greeting(account))
    Worker(Terms(home, {}, b"", 0), channel, None, account).run()
    return 0


def _carry_out(courier: Courier, planned: Plan, message: Message) -> int:
    """The exit status; the report goes to descriptor 1, where the users' programs have written before."""
    try:
        code, text = courier.carry_out(planned, message, 1, 2)
    except Refusal as refusal:
        code, text = refusal.ended
    except Temporary as trouble:
        code, text = 111, trouble.text.encode("utf-8", "surrogateescape") + b"\n"
    except MemoryError:
        code, text = 111, b"Out of memory. (#4.3.0)\n"
    view = memoryview(text)
    while view:
        view = view[os.write(1, view) :]
    return code


def assertion(local: bytes, account: Account) -> bytes:
    """The frame by which the agent tells a worker about a local part."""
    user, uid, gid, home, dash, ext = account
    return spawn.frame(spawn.ASSERT, 0, b"%s\0%s\0%d\0%d\0%s\0%s\0%s" % (local, user, uid, gid, home, dash, ext))


def parse_assertion(payload: bytes) -> tuple[bytes, Account]:
    """The local part and its account.

    :raises Malformed: the agent would not say that.
    """
    parts = payload.split(b"\0")
    if len(parts) != 7:
        raise Malformed("bad assertion")
    local, user, uid, gid, home, dash, ext = parts
    return local, Account(user, int(uid), int(gid), home, dash, ext)

"""The local agent: the part of the server that keeps root's rights, so that mail is delivered under its owner's.

It is small and touches no mail. It answers three questions of the daemon: whose is a local part (LOOKUP), and does this
secret belong to this name (LOGIN); and it keeps a worker per user, which it forks, tells what it may do, and whose
channel it passes to the daemon. Everything the daemon says is taken as hostile. (wire/spawn has the frames.)
"""

from __future__ import annotations

import fcntl
import gc
import os
import select
import socket
import time

from qmtwist.agents import privileges
from qmtwist.agents.channel import Channel
from qmtwist.control.accounts import system_account
from qmtwist.control.users import Account, find_account, report
from qmtwist.mail.errors import MailError, Malformed, suppress
from qmtwist.mail.shapes import NamedTuple, NoReturn, deque
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.owners import hand_over
from qmtwist.store.signals import signal
from qmtwist.wire import spawn

from . import environment
from .couriers import Couriers
from .login import LoginEnded, Logins
from .program import Inside
from .worker import Terms, Worker, assertion

PENDING_LIMIT = 1000  # lookups that wait for one worker to listen
LOCAL_LIMIT_BYTES = 1002  # as qmail-queue has it for whole addresses
PATIENCE_S = 5  # at the end, for the workers: a user's program may run for hours
SHORT_LIFE_S = 1.0  # a worker that fails so soon is not replaced at once
PAUSE_S, PAUSE_LIMIT_S = 0.25, 30.0  # but after this, twice as long each time
_PIPE_BYTES = 1 << 20
_NO_WORKER = b"Zqmail-spawn unable to fork. (#4.3.0)\n"
_FALLEN = b"ZDeliveries for this user stop as soon as they start. (#4.3.5)\n"
_BUSY = b"ZToo many deliveries are waiting for this user. (#4.3.2)\n"
_BAD_ADDRESS = b"DSorry, there can be no such address here. (#5.1.3)\n"
_BAD_ACCOUNT = b"ZThis user's entry in users/assign is too long. (#4.3.5)\n"


class Options(NamedTuple):
    """What the agent is started with."""

    home: str
    defaultdelivery: bytes
    program_limit_s: int
    checkpassword: list[bytes]  # words; empty: there are no logins
    inside: Inside | None = None  # programs of users' commands that need no process of their own


class _Unheard(NamedTuple):
    """An assertion that its worker has not taken yet, and the answer to the daemon that waits for that."""

    said: bytes
    answer: bytes
    number: int
    local: bytes
    is_repeated: bool


class _Staff(NamedTuple):
    """A worker as the agent knows it."""

    serial: int
    uid: int
    gid: int
    pid: int
    born: float
    pipe: int  # what it is told goes in here
    unheard: deque[_Unheard]


def serve(options: Options, descriptor: int) -> int:
    """Obey the daemon on this UNIX socket until it hangs up; then until the last worker has ended. The exit status."""
    agent = Agent(options, Channel(descriptor))
    try:
        agent.run()
    finally:
        agent.dismiss()
    give_queue_back(options.home)
    return 0


def give_queue_back(home: str) -> None:
    """As root: qmail-send's part of the queue belongs to qmails again, unless another server has taken it by now."""
    holder, sender = system_account("qmailq"), system_account("qmails")
    if os.geteuid() != 0 or holder is None or sender is None:
        return
    layout = Layout(f"{home}/queue")
    with suppress(OSError):
        mutex = os.open(layout.sendmutex, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hand_over(layout.queue, holder.uid, sender.uid)
        finally:
            os.close(mutex)


class Agent:
    """One per server."""

    def __init__(self, options: Options, daemon: Channel) -> None:
        self._home = options.home
        environ = environment.clean(os.environb, os.fsencode(options.home))
        self._terms = Terms(options.home, environ, options.defaultdelivery, options.program_limit_s, options.inside)
        self._daemon = daemon
        self._staff: dict[tuple[int, int], _Staff] = {}
        self._by_pid: dict[int, _Staff] = {}
        self._fallen: dict[tuple[int, int], tuple[int, float]] = {}  # how often in a row, and until when to wait
        self._serial = 0
        self._is_leaving = False
        self._poll = select.poll()
        self._poll.register(daemon.fileno(), select.POLLIN)
        self._alarm = self._hear_of_deaths()
        self._logins = Logins(options.home, options.checkpassword, self._poll)
        self._couriers = Couriers(options.home)

    def run(self) -> None:
        """Until the daemon hangs up.

        :raises Malformed: the daemon speaks another version, or nonsense.
        """
        gc.freeze()  # what is here now is shared with every worker
        self._daemon.send(spawn.frame(spawn.HELLO, 0, b"%d" % spawn.VERSION))
        while True:
            ready = dict(self._poll.poll(self._logins.patience_ms()))
            if self._alarm in ready:
                self._reap()
            for ended in self._logins.turn(ready.keys()):
                self._welcome(ended)
            for staff in [staff for staff in self._staff.values() if staff.pipe in ready]:
                self._tell(staff)
            if self._daemon.fileno() in ready:
                frames = self._daemon.receive()
                if frames is None:
                    return
                for frame in frames:
                    self._obey(frame)

    def dismiss(self) -> None:
        """Let the workers finish what they do, and wait for them; those that take too long defer what they do."""
        self._is_leaving = True
        for staff in list(self._staff.values()):
            self._let_go(staff)
        self._logins.stop()
        signal.signal(signal.SIGALRM, self._hurry)
        signal.alarm(PATIENCE_S)
        with suppress(ChildProcessError):
            while True:
                pid = os.wait()[0]
                self._by_pid.pop(pid, None)
                self._couriers.reaped(pid)
        signal.alarm(0)

    def _hurry(self, number: int, frame: object) -> None:
        for pid in list(self._by_pid):
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)
        self._couriers.end()

    def _obey(self, frame: spawn.Frame) -> None:
        if frame.kind == spawn.LOOKUP:
            self._look_up(frame.number, frame.payload)
        elif frame.kind == spawn.LOST:
            for staff in [staff for staff in self._staff.values() if staff.serial == frame.number]:
                self._let_go(staff)
        elif frame.kind == spawn.LOGIN:
            refusal = self._logins.start(frame.number, frame.payload)
            if refusal:
                self._answer(spawn.REFUSAL, frame.number, refusal)
        elif frame.kind == spawn.COURIER:
            self._couriers.start(frame.payload, self._daemon.take_descriptor())
        elif frame.kind == spawn.HELLO:
            if frame.payload != b"%d" % spawn.VERSION:
                raise Malformed(f"the daemon speaks version {frame.payload!r}")
        else:
            raise Malformed(f"unknown frame {frame.kind!r}")

    def _answer(self, kind: bytes, number: int, payload: bytes) -> None:
        self._daemon.send(spawn.frame(kind, number, payload))

    # -- accounts

    def _look_up(self, number: int, local: bytes, is_repeated: bool = False) -> None:
        refusal = self._find(number, local, is_repeated)
        if refusal:
            self._answer(spawn.REFUSAL, number, refusal)

    def _find(self, number: int, local: bytes, is_repeated: bool) -> bytes | None:
        """Find the account and let its worker know; or the report that refuses the lookup."""
        if not local:
            return b"K"  # the trash address
        if b"\0" in local or len(local) > LOCAL_LIMIT_BYTES:  # a NUL would end a field of the assertion
            return _BAD_ADDRESS
        try:
            account = find_account(self._home, local)
            identity = (account.uid, account.gid)
            if self._fallen.get(identity, (0, 0.0))[1] > time.monotonic():
                return _FALLEN
            staff = self._staff.get(identity) or self._employ(*identity)
        except MailError as error:
            return report(error)
        except OSError:
            return _NO_WORKER
        if len(staff.unheard) >= PENDING_LIMIT:
            return _BUSY
        said = assertion(local, account)
        if len(said) > select.PIPE_BUF:  # a pipe takes up to that whole or not at all
            return _BAD_ACCOUNT
        answer = _account_frame(number, account, staff.serial)
        staff.unheard.append(_Unheard(said, answer, number, local, is_repeated))
        self._tell(staff)
        return None

    def _tell(self, staff: _Staff) -> None:
        """Let a worker hear what it may do, and only then the daemon."""
        while staff.unheard:
            try:
                os.write(staff.pipe, staff.unheard[0].said)
            except BlockingIOError:
                self._poll.register(staff.pipe, select.POLLOUT)
                return
            except OSError:  # it is gone, and about to be reaped
                self._let_go(staff)
                return
            self._daemon.send(staff.unheard.popleft().answer)
        with suppress(KeyError):
            self._poll.unregister(staff.pipe)

    # -- workers

    def _employ(self, uid: int, gid: int) -> _Staff:
        """Fork a worker, and pass its channel to the daemon.

        :raises OSError: no process or descriptor is to be had.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            hearing, pipe = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            try:
                with suppress(OSError):
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
                pid = os.fork()
                if not pid:
                    self._work(uid, gid, theirs.detach(), hearing)
            except OSError:
                os.close(pipe)
                raise
            finally:
                os.close(hearing)
            self._serial += 1
            staff = _Staff(self._serial, uid, gid, pid, time.monotonic(), pipe, deque())
            self._staff[uid, gid] = self._by_pid[pid] = staff
            self._pass(staff.serial, uid, ours.fileno())
        return staff

    def _work(self, uid: int, gid: int, channel: int, hearing: int) -> NoReturn:
        """The child, for the rest of its life."""
        status = 111
        try:
            privileges.keep_only({channel, hearing})
            os.setsid()
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            privileges.become(uid, gid)
            os.umask(0o077)
            os.chdir("/")
            os.environb.clear()
            os.environb.update(self._terms.environ)
            Worker(self._terms, Channel(channel), hearing).run()
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)

    def _pass(self, serial: int, uid: int, channel: int) -> None:
        self._daemon.send(spawn.frame(spawn.WORKER, serial, b"%d" % uid), channel)

    def _let_go(self, staff: _Staff) -> None:
        """It hears no more, finishes what it does, and ends. What it was to hear is for its successor."""
        if self._staff.get((staff.uid, staff.gid)) is not staff:
            return
        del self._staff[staff.uid, staff.gid]
        with suppress(KeyError):
            self._poll.unregister(staff.pipe)
        os.close(staff.pipe)
        unheard = list(staff.unheard)
        staff.unheard.clear()
        for lookup in unheard:
            if lookup.is_repeated or self._is_leaving:
                self._answer(spawn.REFUSAL, lookup.number, _NO_WORKER)
            else:
                self._look_up(lookup.number, lookup.local, is_repeated=True)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._alarm, 4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                staff = self._by_pid.pop(pid, None)
                if staff is not None:
                    self._let_go(staff)
                    self._judge(staff, status)
                elif not self._couriers.reaped(pid):
                    self._logins.reaped(pid, os.waitstatus_to_exitcode(status))

    def _judge(self, staff: _Staff, status: int) -> None:
        """A worker that fails at once would be forked for every message."""
        now, identity = time.monotonic(), (staff.uid, staff.gid)
        count, _ = self._fallen.pop(identity, (0, 0.0))
        if status and now - staff.born < SHORT_LIFE_S:
            self._fallen[identity] = (count + 1, now + min(PAUSE_S * 2.0 ** min(count, 10), PAUSE_LIMIT_S))

    def _hear_of_deaths(self) -> int:
        """A descriptor that is readable when a child has ended."""
        alarm, wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        self._poll.register(alarm, select.POLLIN)
        return alarm

    # -- logins

    def _welcome(self, ended: LoginEnded) -> None:
        """A login has ended one way or the other: tell the daemon."""
        if ended.account is None or ended.channel is None:
            self._answer(spawn.REFUSAL, ended.number, ended.report)
            return
        self._serial += 1
        self._pass(self._serial, ended.account.uid, ended.channel)
        os.close(ended.channel)
        self._daemon.send(_account_frame(ended.number, ended.account, self._serial))


def _account_frame(number: int, account: Account, serial: int) -> bytes:
    user, uid, _, home, dash, ext = account
    return spawn.frame(spawn.ACCOUNT, number, b"%d\0%s\0%s\0%s\0%s\0%d" % (uid, user, home, dash, ext, serial))

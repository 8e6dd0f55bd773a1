"""Who may in: names and passwords of network clients, checked without haste and without a hint.

A checkpassword program decides when there is one (control/checkpassword), else the file users/passwords. With the file
APOP cannot work, because only hashes are stored, so no challenge is shown.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from qmtwist.control.passwords import PasswordFile, RecentLogins
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.services.door.crowd import address_block
from qmtwist.services.local.mailboxes import MailboxAgent, MailboxWorker, UserWorker

T = TypeVar("T")

CHECKS_LIMIT = 64  # password checks that wait or run; above it a login is put off
FIRST_DELAY_S = 0.5  # after a failed login; twice as long after each further one
DELAY_LIMIT_S = 8.0
WAIT_LIMIT_S = 10.0  # nobody waits longer, however many others have failed from there
FORGET_S = 600.0  # without a failure an address is forgiven
ADDRESSES_LIMIT = 10_000


class Admission(NamedTuple):
    """How a login ended: with the worker that opens the mailbox, or (None) refused for `reason` (for the log)."""

    worker: MailboxWorker | None
    reason: bytes = b""
    is_temporary: bool = False


class Threads(Protocol):
    """Where password hashes are computed (services/disk)."""

    def run(self, work: Callable[[bytes, bytes, bytes], bool], a: bytes, b: bytes, c: bytes, /) -> Deferred[bool]:
        """Call `work` in a thread."""


class LoginAgent(MailboxAgent, Protocol):
    """The local agent, which can also run a checkpassword program as root."""

    def login(self, name: bytes, secret: bytes, challenge: bytes) -> Deferred[MailboxWorker]:
        """Run the program; a worker as the user that it became. Fails with Permanent: wrong; Temporary: cannot tell."""


class Penalties:
    """Failed logins of each client address: the next answer comes the later, the more there were.

    Bounded: of too many addresses the one longest without a failure is forgotten.
    """

    def __init__(self, limit: int = ADDRESSES_LIMIT) -> None:
        self._limit = limit
        self._failures: OrderedDict[bytes, tuple[int, float, float]] = OrderedDict()  # count, free at, last

    def wait_s(self, client: bytes, now: float) -> float:
        """How long this address must wait now."""
        count, free_at, last = self._failures.get(client, (0, 0.0, 0.0))
        if not count or now - last > FORGET_S:
            return 0.0
        return min(max(0.0, free_at - now), WAIT_LIMIT_S)

    def failed(self, client: bytes, now: float) -> None:
        """A login from this address was wrong."""
        count, free_at, last = self._failures.pop(client, (0, 0.0, 0.0))
        if now - last > FORGET_S:
            count = 0
        delay = min(FIRST_DELAY_S * 2.0 ** min(count, 30), DELAY_LIMIT_S)
        self._failures[client] = (count + 1, max(now, free_at) + delay, now)
        while len(self._failures) > self._limit:
            self._failures.popitem(last=False)


class Gatekeeper:
    """Decides about logins. Made once per daemon by the services' factories; talks to threads or to the local agent."""

    def __init__(
        self,
        clock: IReactorTime,
        agent: LoginAgent,
        threads: Threads,
        passwords: PasswordFile | None,
        mailbox_of: Callable[[bytes], bytes | None],
    ) -> None:
        """`passwords` is None when a checkpassword program decides. `mailbox_of` says whose a login name is."""
        self._clock = clock
        self._agent = agent
        self._threads = threads
        self._passwords = passwords
        self._mailbox_of = mailbox_of
        self._recent = RecentLogins()
        self._penalties = Penalties()
        self._checks = 0

    @property
    def has_apop(self) -> bool:
        """Whether a challenge makes sense."""
        return self._passwords is None

    async def login(self, name: bytes, secret: bytes, is_apop: bool, challenge: bytes, ip: bytes) -> Admission:
        """Check a name and a password or (`is_apop`) a digest; `challenge` is what the client was greeted with.

        Takes as long as earlier failures from this address demand. To hang up early does not save a failure.
        """
        client = address_block(ip)
        await self._wait(client)
        try:
            admission = await self._check(name, secret, is_apop, challenge)
        except CancelledError:
            self._penalties.failed(client, self._clock.seconds())
            raise
        if admission.worker is None and not admission.is_temporary:
            self._penalties.failed(client, self._clock.seconds())
            await self._wait(client)
        return admission

    async def _wait(self, client: bytes) -> None:
        wait_s = self._penalties.wait_s(client, self._clock.seconds())
        if wait_s > 0:
            await deferLater(self._clock, wait_s)

    async def _check(self, name: bytes, secret: bytes, is_apop: bool, challenge: bytes) -> Admission:
        if self._checks >= CHECKS_LIMIT:
            return Admission(None, b"too many logins at once", is_temporary=True)
        try:
            if self._passwords is not None:
                return await self._look_up(self._passwords, name, secret, is_apop)
            login = self._agent.login(name, secret, challenge)
            worker = await self._counted(login, lambda worker: worker.release())
            return Admission(worker)
        except Permanent as error:
            return Admission(None, error.text.encode())
        except MailError as error:
            return Admission(None, error.text.encode(), is_temporary=True)

    async def _look_up(self, passwords: PasswordFile, name: bytes, secret: bytes, is_apop: bool) -> Admission:
        local = self._mailbox_of(name)
        signature, now = passwords.signature(), self._clock.seconds()
        is_good = not is_apop and self._recent.is_known(name, secret, signature, now)
        if not (is_good or is_apop):  # a digest cannot be compared with a hash
            # `joe@example.org` may be listed as it is, or, when it is his address here, as `joe`.
            check = self._threads.run(passwords.check, name, secret, local or name)
            is_good = await self._counted(check, lambda _: None)
            if is_good:
                self._recent.remember(name, secret, signature, now)
        if not is_good:
            return Admission(None, b"authorization failed")
        if local is None:
            return Admission(None, b"right password, but no mailbox here")
        return Admission(UserWorker(self._agent, local))

    def _counted(self, work: Deferred[T], drop: Callable[[T], None]) -> Deferred[T]:
        """A check under way counts until it ends, though its client may hang up: then its result is dropped."""
        self._checks += 1
        answer: Deferred[T] = Deferred()

        def ended(result: T | Failure) -> None:
            self._checks -= 1
            if not answer.called:
                answer.callback(result)  # a Failure is passed on as one
            elif not isinstance(result, Failure):
                drop(result)

        work.addBoth(ended)
        return answer

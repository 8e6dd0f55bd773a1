"""Settings to services: every long-lived object is made here and introduced to the others.

As root: read control, take the queue over, bind the listeners, start the agents; then become qmailq for good. Only after
that is the queue opened and a single byte read from the network.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.python.util import switchUID

from qmtwist.control.accounts import SystemAccount, system_account, uid_of
from qmtwist.control.change import differences
from qmtwist.control.load import Complaints, Loaded, load_with_warnings
from qmtwist.control.replaced import is_replaced
from qmtwist.control.settings import Settings
from qmtwist.mail.errors import Temporary
from qmtwist.store.queue.layout import missing
from qmtwist.store.queue.owners import hand_over

from . import injection
from .localagent import LocalAgent
from .options import Options
from .program_intake import ProgramIntake
from .recipients import LocalRecipients
from .remoteagent import RemoteAgent
from .seams import Courier, Intake, Origin
from .send.queue import Queue
from .signals import Signals
from .telemetry import LogPipe, Telemetry

NOT_STARTED = 111


class Chosen:
    """The intake that a message takes: a program named by its origin, one that stands in for ours, or the journal."""

    def __init__(self, mail: MailService) -> None:
        self._mail = mail

    def open(self, origin: Origin, on_drain: Any) -> Any:
        """seams.Intake"""
        mail = self._mail
        program = origin.program or mail.queue_program
        intake: Intake = mail.queue.intake if program is None else mail.program_intake(program)
        return intake.open(origin, on_drain)


class MailService(Service):
    """The whole server of one home. Made by `makeService`, run by twistd or `qmail-start`."""

    def __init__(self, options: Options, reactor: Any) -> None:
        self.reactor = reactor
        self.options = options
        self.home: str = options["home"]
        self._ports: list[IListeningPort] = []
        self._log: LogPipe | None = None
        self._mutex = -1
        self.exit_status = 0

    # -- before root is given up

    def privilegedStartService(self) -> None:
        """Everything that needs root, or must be refused before anything runs."""
        self.telemetry = self._open_log()
        self.settings = self._load()
        self._prepare_queue()
        account = self._account()
        self._take_queue(account)
        self._lock()
        self._make_objects(account)
        self._bind()
        for agent in (self.local, self.remote):
            agent.start()
        if account is not None:
            switchUID(account.uid, account.gid)

    def _open_log(self) -> Telemetry:
        is_json = self.options["log-format"] == "json"
        twistd = self.options.parent
        if twistd is not None and (not twistd.get("nodaemon") or twistd.get("logfile")):
            from twisted.logger import Logger

            log = Logger(namespace="qmtwist")
            return Telemetry(lambda line: log.info("{line}", line=line.decode("latin-1")), is_json, time.time)
        self._log = LogPipe(1)
        return Telemetry(self._log.write, is_json, time.time)

    def _refuse(self, why: str, *details: str) -> SystemExit:
        """The log says why, and the process ends with 111."""
        for detail in details:
            self.telemetry.notice("alert", detail)
        self.telemetry.notice("alert", f"cannot start: {why}")
        if self._log is not None:
            self._log.close()
        return SystemExit(NOT_STARTED)

    def _load(self) -> Settings:
        if not os.path.isdir(self.home):
            raise self._refuse("unable to switch to home directory", f"{self.home} is no directory")
        try:
            loaded = load_with_warnings(self.home)
        except Complaints as complaints:
            raise self._refuse("unable to read controls", *map(str, complaints.complaints))
        return self._effective(loaded)

    def _effective(self, loaded: Loaded) -> Settings:
        """Settings with what the command line says instead."""
        import attrs

        for warning in loaded.warnings:
            self.telemetry.notice("warning", str(warning))
        settings, options = loaded.settings, self.options
        if options["default-delivery"] is not None:
            delivery = attrs.evolve(settings.delivery, defaultdelivery=os.fsencode(options["default-delivery"]))
            settings = attrs.evolve(settings, delivery=delivery)
        listen = {} if not options["no-listeners"] else {"smtp": [], "pop3": []}
        listen.update(options["listen"])
        changes = {service: tuple(endpoints) for service, endpoints in listen.items()}
        return attrs.evolve(settings, listen=attrs.evolve(settings.listen, **changes))

    def _prepare_queue(self) -> None:
        lacking = missing(f"{self.home}/queue")
        if lacking:
            raise self._refuse(
                "unable to switch to queue directory", f"queue/{lacking[0]} is missing; run qmtwist setup"
            )

    def _account(self) -> SystemAccount | None:
        """Whom root becomes: qmailq, or on a machine without mail accounts the owner of the queue."""
        if os.geteuid() != 0:
            return None
        account = system_account("qmailq")
        if account is None:
            status = os.stat(f"{self.home}/queue")
            account = SystemAccount(status.st_uid, status.st_gid)
        if account.uid == 0:
            raise self._refuse(
                "no account qmailq", "the server does not run as root; run qmtwist setup, which says how"
            )
        return account

    def _take_queue(self, account: SystemAccount | None) -> None:
        sender = system_account("qmails")
        if account is not None and sender is not None:
            hand_over(f"{self.home}/queue", sender.uid, account.uid)

    def _lock(self) -> None:
        try:
            self._mutex = os.open(f"{self.home}/queue/lock/sendmutex", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            raise self._refuse("unable to open mutex")
        try:
            fcntl.flock(self._mutex, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise self._refuse("qmail-send is already running")

    def _make_objects(self, account: SystemAccount | None) -> None:
        settings, reactor, line = self.settings, self.reactor, self.telemetry.line
        self.queue = Queue(reactor, self.home, settings.send, self.telemetry, Origin(b"for bounce", uid_of("qmails")))
        self.local = LocalAgent(
            reactor, self.home, settings.delivery, settings.pop3.checkpassword, line, self._agent_lost
        )
        self.remote = RemoteAgent(reactor, self.home, self.telemetry, lambda: None)
        program = os.environb.get(b"QMAILQUEUE")
        replaced = f"{self.home}/bin/qmail-queue"
        self.queue_program = program or (os.fsencode(replaced) if is_replaced(self.home, "qmail-queue") else None)
        self.intake = Chosen(self)
        believed = {os.getuid(), 0} | ({account.uid} if account else set())
        self._injection = injection.InjectionFactory(self.intake, believed, self.telemetry, reactor, self.queue.listing)

    def program_intake(self, program: bytes) -> ProgramIntake:
        """The intake that runs this program."""
        environment = {b"PATH": os.environb.get(b"PATH", b"/usr/bin:/bin"), b"QMTWIST_HOME": os.fsencode(self.home)}
        return ProgramIntake(self.reactor, self.home, program, environment)

    def _bind(self) -> None:
        for service, endpoints in (("smtp", self.settings.listen.smtp), ("pop3", self.settings.listen.pop3)):
            factory = self._factory(service)
            for endpoint in endpoints:
                self._listen(service, endpoint, factory)

    def _factory(self, service: str) -> Factory:
        from .smtpd import make_smtp_factory  # twisted.mail.smtp is slow to import

        if service == "smtp":
            return make_smtp_factory(self)
        from .pop3d import make_pop3_factory

        return make_pop3_factory(self)

    def _listen(self, service: str, endpoint: str, factory: Factory) -> None:
        found: list[Any] = []
        try:
            serverFromString(self.reactor, endpoint).listen(factory).addBoth(found.append)
        except ValueError as error:
            raise self._refuse(f"{service} cannot listen on {endpoint}: {error}")
        if not found or not IListeningPort.providedBy(found[0]):
            reason = found[0].getErrorMessage() if found else "it takes too long"
            raise self._refuse(f"{service} cannot listen on {endpoint}: {reason}")
        self._ports.append(found[0])

    # -- as qmailq

    def startService(self) -> None:
        """Open the queue; from here on mail flows."""
        super().startService()
        couriers: dict[str, Courier] = {"local": self.local, "remote": self.remote}
        try:
            self.queue.open(couriers)
        except (Temporary, OSError) as error:
            raise self._refuse("unable to open the queue", str(error))
        if self.queue_program is not None:
            self.queue.use_bounce_intake(self.program_intake(self.queue_program))
        self.recipients = LocalRecipients(self.queue.manager.sort, self.local)
        self._open_injection()
        self._signals = Signals(self.reactor, {signal.SIGHUP: self._reread, signal.SIGALRM: self.queue.manager.all_due})
        self._signals.install()

    def _open_injection(self) -> None:
        """The socket of local programs; without it they write queue files."""
        try:
            port = injection.listen(self.reactor, self.queue.layout.socket, self._injection)
        except OSError as error:
            self.telemetry.notice("warning", f"unable to open lock/injection: {error}")
        else:
            self._ports.append(port)

    def _reread(self) -> None:
        """HUP: new settings for what comes; sessions and deliveries go on with theirs."""
        try:
            settings = self._effective(load_with_warnings(self.home))
        except Complaints as complaints:
            for complaint in complaints.complaints:
                self.telemetry.notice("alert", f"unable to reread controls: {complaint}")
            return
        for change in differences(self.settings, settings):
            self.telemetry.notice("", f"control: {change}")
        self.settings = settings
        self.queue.apply(settings.send)
        self.local.apply(settings.delivery)

    def _agent_lost(self) -> None:
        """The root part of the local agent cannot be started again: end cleanly, for a supervisor to restart us."""
        self.telemetry.notice("alert", "oh no! lost spawn connection! dying...")
        self.exit_status = NOT_STARTED
        self.reactor.stop()

    # -- the end

    def stopService(self) -> Deferred[None]:
        """TERM: no new work, wait for what runs, leave a plain qmail queue."""
        super().stopService()
        self._signals.remove()
        listening = [cast("Deferred[None]", port.stopListening()) for port in self._ports]
        return DeferredList(listening).addCallback(lambda _: self.queue.stop()).addBoth(self._stop_agents)

    def _stop_agents(self, result: object) -> Deferred[Any]:
        return DeferredList([self.local.stop(), self.remote.stop()]).addBoth(self._finish, result)

    def _finish(self, _: object, result: object) -> object:
        if self._log is not None:
            self._log.close()
        if self._mutex >= 0:
            os.close(self._mutex)
        return result


def makeService(options: Options) -> MailService:
    """twistd's way in (IServiceMaker)."""
    from twisted.internet import reactor  # noqa: TID251  # the one place that may know which one it is

    return MailService(options, reactor)

"""Settings to services: every long-lived object is made here and introduced to the others.

As root: read control, take the queue over, bind the listeners, start the agents; then become qmailq for good. Only
after that is the queue opened, and a byte read from the network.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import attrs
from twisted.application.service import Service
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.python.util import switchUID

from qmtwist.control.accounts import uid_of
from qmtwist.control.change import differences
from qmtwist.control.load import Complaints, load_with_warnings, stamp
from qmtwist.control.replaced import is_replaced
from qmtwist.control.settings import Settings
from qmtwist.mail.errors import Malformed, Temporary

from . import activation, descriptors, gate
from .chosen import Chosen
from .dns.resolver import Resolver
from .door.clientnames import ClientNames
from .door.dnsbl import Blocklists
from .door.pausing import Pausing
from .door.record import Recorder
from .gate import Refusal
from .intake import injection
from .local.courier import LocalAgent
from .log.serverlog import ServerLog
from .notify import Notifier
from .options import SERVICES, Options
from .packageservices import PackageServices
from .pop3.pop3d import Pop3Factory, make_pop3_factory
from .remote.couriers import RemoteAgents
from .seams import Origin
from .send.queue import Queue
from .signals import Signals
from .smtp.autoturn import AutoTurn
from .smtp.clerk import Staff
from .smtp.etrn import QueueRetries
from .smtp.recipients import LocalRecipients
from .smtp.senderpolicy import SenderPolicies
from .smtp.smtpd import SmtpFactory, make_smtp_factory
from .tls.ownkey import Unusable

NOT_STARTED = 111
LOOK_S = 1.0
BACKLOG = 1024  # connections that wait in the kernel, if it allows so many
LISTENER_PATIENCE_S = 10  # at a stop, for sessions in the middle of a message
DELIVERY_PATIENCE_S = 10  # then, for deliveries


class MailService(Service):
    """The whole server of one home. Made by `makeService`, run by twistd or `qmail-start`."""

    def __init__(self, options: Options, reactor: Any) -> None:
        self.reactor = reactor
        self.options = options
        self.home: str = options["home"]
        self.exit_status = 0
        self._ports: list[IListeningPort] = []
        self._smtp: SmtpFactory | None = None
        self._pop3: Pop3Factory | None = None
        self._packages: PackageServices | None = None
        self._is_open = False
        self._smtp_looked = 0.0
        self._log = ServerLog(options)
        self.telemetry = self._log.telemetry
        self.notifier = Notifier(reactor)
        self._passed, strange = ({}, []) if options["no-listeners"] else activation.passed(SERVICES)
        for name in strange:
            self.telemetry.remark("warning", f"a socket of systemd is named {name}, which is no service of ours")

    # -- before root is given up

    def privilegedStartService(self) -> None:
        """Everything that needs root, or must be refused before anything runs."""
        self._or_refuse(self._prepare)

    def _or_refuse(self, work: Callable[[], None]) -> None:
        """Do it, or say in the log why not and end the process with 111."""
        try:
            work()
        except Refusal as refusal:
            for detail in refusal.details:
                self.telemetry.remark("alert", detail)
            self.telemetry.notice("alert", f"cannot start: {refusal.why}")
            self._log.close()
            raise SystemExit(NOT_STARTED) from refusal

    def _prepare(self) -> None:
        gate.check_home(self.home)
        account = gate.whom_root_becomes(self.home)
        self._log.open(account)
        self.settings = self._load()
        self._uid = account.uid if account else os.getuid()
        self._is_for_all = account is not None
        self._owner = (self._uid, account.gid if account else os.getgid())
        self._make_objects({self._uid, 0})
        layout = self.queue.layout
        self._mutex = gate.lock(layout)
        gate.take_queue(layout, account)
        self._bind()
        self.local.start()
        self.remote.start()
        if account is not None:
            switchUID(account.uid, account.gid)  # type: ignore[no-untyped-call]
        self._log.begin()

    def _load(self) -> Settings:
        try:
            loaded = load_with_warnings(self.home)
        except Complaints as complaints:
            raise Refusal("unable to read controls", *map(str, complaints.complaints)) from complaints
        for warning in loaded.warnings:
            self.telemetry.remark("warning", str(warning))
        return self._affordable(self._effective(loaded.settings))

    def _affordable(self, settings: Settings) -> Settings:
        """Settings with no more connections than there are descriptors for."""
        limit = descriptors.raise_limit(descriptors.wanted(settings))
        fitting = descriptors.within(settings, limit)
        if fitting is not settings:
            smtp, pop3 = fitting.smtp.concurrencyincoming, fitting.pop3.concurrency
            few = f"only {limit} descriptors: at most {smtp} SMTP and {pop3} POP3 connections"
            self.telemetry.remark("warning", few)
        return fitting

    def _effective(self, settings: Settings) -> Settings:
        """Settings with what the command line says instead."""
        options = self.options
        if options["default-delivery"] is not None:
            delivery = attrs.evolve(settings.delivery, defaultdelivery=os.fsencode(options["default-delivery"]))
            settings = attrs.evolve(settings, delivery=delivery)
        listen: dict[str, list[str]] = {service: [] for service in SERVICES} if options["no-listeners"] else {}
        listen.update({**self._passed, **options["listen"]})
        changes = {service: tuple(endpoints) for service, endpoints in listen.items()}
        return attrs.evolve(settings, listen=attrs.evolve(settings.listen, **changes))

    def _make_objects(self, believed: set[int]) -> None:
        settings, reactor = self.settings, self.reactor
        self._envnoathost = settings.send.envnoathost
        self.queue = Queue(
            reactor, self.home, settings.send, self.telemetry, Origin(b"for bounce", uid_of("qmails", self._uid))
        )
        self.local = LocalAgent(
            reactor, self.home, settings.delivery, settings.pop3.checkpassword, self._agent_says, self._agent_lost
        )
        count, starter = settings.send.remoteagents, self.local.start_courier
        self.remote = RemoteAgents(reactor, self.home, count, self.telemetry, starter=starter)
        replaced = os.fsencode(f"{self.home}/bin/qmail-queue") if is_replaced(self.home, "qmail-queue") else None
        self.intake = Chosen(self, os.environb.get(b"QMAILQUEUE") or replaced)
        self.resolver = Resolver(reactor, settings.remote.nameservers)
        self.lists = Blocklists(reactor, self.resolver, self.telemetry.line)
        self.names = ClientNames(reactor, self.resolver)
        self.policies = SenderPolicies(reactor, self.resolver)
        self.recipients = LocalRecipients(self.queue.sort, self.local)
        line = self.telemetry.line
        retries = QueueRetries(self.queue, self.resolver, lambda: self.settings.remote)
        self.turns = AutoTurn(reactor, self.local, lambda: self.settings, retries, line)
        self.recorder = Recorder(lambda: self.settings.access.recordio, line)
        # What comes from qmail-queue goes straight in: the program that QMAILQUEUE names ends by running qmail-queue.
        direct = Chosen(self, None)
        self._pausing = Pausing(self.telemetry)
        self._injection = injection.InjectionFactory(
            direct, believed, self.telemetry, reactor, self.queue.listing, self._pausing.obey
        )

    def _bind(self) -> None:
        """Listen; connections wait in the kernel until the reactor runs."""
        listen, line = self.settings.listen, self.telemetry.line
        uid = uid_of("qmaild", self._uid)
        lists, names = self.lists, self.names
        staff = Staff(self.reactor, self.intake, self.recipients, line, uid, lists, names, self.turns, self.policies)
        self._smtp_stamp = stamp(self.home, "smtp", "access", "qmtp", "ofmip", "web")
        try:
            self._packages = PackageServices(staff, self.settings, self._link_secret)
        except Unusable as error:
            raise Refusal("unable to listen with TLS", str(error)) from error
        except (OSError, Malformed) as error:
            raise Refusal("unable to read controls", str(error)) from error
        self._packages.before_connection(self._look_at_smtp_files)
        for wanted in self._packages.endpoints(self.settings):
            self._listen(*wanted)
        if listen.smtp:
            try:
                self._smtp = make_smtp_factory(staff, self.settings.smtp, self.settings.access)
            except (OSError, Malformed) as error:
                raise Refusal("unable to read controls", str(error)) from error
            self._smtp.before_connection = self._look_at_smtp_files
            for endpoint in listen.smtp:
                self._listen("smtp", endpoint, self._smtp)
        if listen.pop3:
            sort = self.queue.sort
            pop3, access, names = self.settings.pop3, self.settings.access, self.names
            try:
                self._pop3 = make_pop3_factory(self.reactor, self.home, pop3, self.local, line, sort, access, names)
            except (OSError, Malformed) as error:
                raise Refusal("unable to read controls", str(error)) from error
            for endpoint in listen.pop3:
                self._listen("pop3", endpoint, self._pop3)

    def _link_secret(self) -> bytes:
        """:raises OSError: there is none."""
        return self.queue.manager.personal.secret

    def _listen(self, service: str, endpoint: str, factory: Factory) -> None:
        found: list[Any] = []
        # Twisted's 50 make the kernel drop the 51st of a burst, which its client tries again after a second.
        is_plain = endpoint.startswith(("tcp:", "tcp6:")) and ":backlog=" not in endpoint
        wanted = f"{endpoint}:backlog={BACKLOG}" if is_plain else endpoint
        try:
            if endpoint.startswith("unix:"):
                wanted = gate.clear_socket(endpoint)
            server = serverFromString(self.reactor, wanted)  # type: ignore[no-untyped-call]
            server.listen(self.recorder.around(service, factory)).addBoth(found.append)
        except (ValueError, OSError) as error:
            raise Refusal(f"{service} cannot listen on {endpoint}: {error}") from error
        if not found or not IListeningPort.providedBy(found[0]):
            reason = found[0].getErrorMessage() if found else "it takes too long"
            raise Refusal(f"{service} cannot listen on {endpoint}: {reason}")
        self._ports.append(found[0])
        if service != "pop3":
            self._pausing.guard(found[0])
        here = found[0].getHost()
        if isinstance(here, UNIXAddress) and here.name and os.geteuid() == 0:
            os.chown(here.name, *self._owner)  # whose group the endpoint's mode speaks of

    # -- as qmailq

    def startService(self) -> None:
        """Open the queue; from here on mail flows."""
        super().startService()  # type: ignore[no-untyped-call]
        self._or_refuse(self._open)

    def _open(self) -> None:
        self._listen_to_signals()  # whoever reads the first line of the log may send one
        try:
            self.queue.open(self.local, self.remote)
        except (Temporary, OSError) as error:
            raise Refusal("unable to open the queue", str(error)) from error
        self.queue.use_bounce_intake(self.intake)
        self._pausing.use(self.queue.manager)
        try:
            self._ports.append(injection.listen(self.reactor, self.queue.layout.socket, self._injection))
            if self._is_for_all:
                self._ports += injection.listen_for_users(self.reactor, self.home, self._injection)
        except OSError as error:  # local programs write queue files then
            self.telemetry.notice("warning", f"unable to open the injection socket: {error}")
        self._is_open = True
        self.reactor.callWhenRunning(self.notifier.ready)  # TERM is understood then, too

    def _listen_to_signals(self) -> None:
        reactions: dict[int, Callable[[], None]] = {
            signal.SIGHUP: self.reread,
            signal.SIGALRM: self._hurry,
            **self._log.reactions(),
        }
        self._signals = Signals(self.reactor, reactions)
        self._signals.install()

    def _hurry(self) -> None:
        self.queue.manager.all_due()

    def _look_at_smtp_files(self) -> None:
        """qmail-smtpd reads its control files for every connection; we look whether they changed, once a second."""
        now = self.reactor.seconds()
        if 0 <= now - self._smtp_looked < LOOK_S:
            return
        self._smtp_looked = now
        seen = stamp(self.home, "smtp", "access", "qmtp", "ofmip", "web")
        if seen != self._smtp_stamp:
            self._smtp_stamp = seen
            self._reread("smtp", "access", "qmtp", "ofmip", "web")

    def reread(self) -> None:
        """HUP: new settings for what comes; sessions and deliveries go on with theirs."""
        self.notifier.reloading()
        settings = self._reread("access", "smtp", "pop3", "qmtp", "ofmip", "web", "send", "remote")
        self.remote.reload()
        self._report_lists()
        if settings is not None:
            self.resolver.use(settings.remote.nameservers)
            # Bare addresses of messages that wait must not change their meaning with a reload. (qmail-send(8))
            self.queue.apply(attrs.evolve(settings.send, envnoathost=self._envnoathost))
        self.notifier.ready()

    def _reread(self, *sections: str) -> Settings | None:
        """Use what control/ says now for these sections, and log what changed; None: nothing can be used."""
        try:
            settings = self._load()
            changed = attrs.evolve(self.settings, **{section: getattr(settings, section) for section in sections})
            if self._smtp is not None:
                self._smtp.configure(changed.smtp, changed.access)
            if self._pop3 is not None:
                self._pop3.configure(changed.pop3, changed.access)
            if self._packages is not None:
                self._packages.configure(changed)
        except Refusal as refusal:
            for detail in refusal.details:
                self.telemetry.notice("alert", f"unable to reread controls: {detail}")
            return None
        except (OSError, Malformed) as error:
            self.telemetry.notice("alert", f"unable to reread controls: {error}")
            return None
        for change in differences(self.settings, changed):
            self.telemetry.remark("", f"control: {change}")
        self.settings = changed
        return changed

    def _report_lists(self) -> None:
        report = self.lists.report()
        if report:
            self.telemetry.line(report)

    def _agent_says(self, line: bytes) -> None:
        self.telemetry.remark("", line.decode("utf-8", "backslashreplace"))

    def _agent_lost(self) -> None:
        """The root part of the local agent cannot be started again: end cleanly, for a supervisor to restart us."""
        self.telemetry.notice("alert", "oh no! lost spawn connection! dying...")
        self.exit_status = NOT_STARTED
        self.reactor.addSystemEventTrigger("after", "shutdown", os._exit, NOT_STARTED)
        self.reactor.stop()

    # -- the end

    def stopService(self) -> Deferred[Any]:
        """TERM: no new work, wait for what runs, leave a plain qmail queue."""
        super().stopService()  # type: ignore[no-untyped-call]
        self.notifier.stopping()
        if self._is_open:
            self._signals.remove()
        waits: list[Deferred[Any]] = []
        for port in self._ports:
            stopped = port.stopListening()
            if isinstance(stopped, Deferred):
                waits.append(stopped)
        if self._smtp is not None:
            waits.append(self._smtp.drain(LISTENER_PATIENCE_S))
        if self._pop3 is not None:
            waits.append(self._pop3.drain(LISTENER_PATIENCE_S))
        if self._packages is not None:
            waits += self._packages.drain(LISTENER_PATIENCE_S)
        return DeferredList(waits).addCallback(self._stop_queue).addBoth(self._stop_agents)

    def _stop_queue(self, _: object) -> Deferred[None] | None:
        if not self._is_open:
            return None
        patience = self.reactor.callLater(DELIVERY_PATIENCE_S, self._defer_deliveries)
        return self.queue.stop().addCallback(lambda _: patience.cancel() if patience.active() else None)

    def _defer_deliveries(self) -> None:
        """A user's program may run for hours, and a far host may be slow: what runs now is stopped, and deferred."""
        self.local.stop()
        self.remote.stop(0)  # they have had their time

    def _stop_agents(self, result: object) -> Deferred[Any]:
        self.resolver.stop()
        self._report_lists()
        gate.unlock(self._mutex)  # the queue rests; the agent, which is root, gives it back to its owners
        return DeferredList([self.local.stop(), self.remote.stop()]).addBoth(self._finish, result)

    def _finish(self, _: object, result: object) -> object:
        self.notifier.close()
        self._log.close()
        # twistd would end itself by the signal that stopped it; a clean stop ends with 0. (qmail-send(8))
        self.reactor.addSystemEventTrigger("after", "shutdown", setattr, self.reactor, "_exitSignal", None)
        return result


def makeService(options: Options) -> MailService:
    """twistd's way in (IServiceMaker)."""
    from twisted.internet import reactor  # noqa: TID251  # the one place that may know which one it is

    return MailService(options, reactor)

"""qmail-lspawn's classic work: for each order a child that becomes the user and runs bin/qmail-local. (qmail-lspawn(8))

The protocol is in wire/spawnclassic. The daemon's own agent, which keeps a worker per user instead, is in `agent`.
"""

from __future__ import annotations

import os
import pwd

from qmtwist.agents import privileges
from qmtwist.agents.remote.rspawn import open_message
from qmtwist.control.users import Account, LookupFailed, find_account
from qmtwist.mail.errors import MailError
from qmtwist.mail.outcome import Outcome, Verdict, parse_report
from qmtwist.rules import localreport
from qmtwist.store.durable import write_all
from qmtwist.store.signals import signal
from qmtwist.wire import spawnclassic

from . import environment
from .forked import Forked

PROGRAM = "bin/qmail-local"


def serve(home: str, defaultdelivery: bytes, commands: int = 0, reports: int = 1) -> None:
    """Obey qmail-send until the end of `commands`, then until the last delivery has ended.

    :raises OSError: a descriptor failed, or the home has no queue.
    """
    os.chdir(f"{home}/queue/mess")
    _Spawner(home, defaultdelivery, reports).run(commands)


class _Spawner:
    def __init__(self, home: str, defaultdelivery: bytes, reports: int) -> None:
        self._home = home
        self._defaultdelivery = defaultdelivery
        self._reports = reports
        self._owner = _message_owner()
        self._children = Forked(self._ended)

    def run(self, commands: int) -> None:
        write_all(self._reports, b"%c" % spawnclassic.LIMIT)
        reader = spawnclassic.OrderReader()
        self._children.watch(commands)
        is_open = True
        while is_open or len(self._children):
            if commands in self._children.wait():
                data = os.read(commands, 65536)
                if not data:
                    is_open = False
                    self._children.unwatch(commands)
                for order in reader.receive(data):
                    self._obey(order)

    def _obey(self, order: spawnclassic.ClassicOrder) -> None:
        outcome = spawnclassic.objection(order, self._children.keys)
        if outcome is None:
            try:
                self._start(order, open_message(order.message_id, self._owner))
                return
            except MailError as error:
                outcome = Outcome(Verdict.DEFERRAL, error.text.encode())
            except OSError:
                outcome = Outcome(Verdict.DEFERRAL, b"qmail-spawn unable to fork. (#4.3.0)\n")
        self._report(order.number, outcome)

    def _start(self, order: spawnclassic.ClassicOrder, message: int) -> None:
        try:
            self._children.start(order.number, message, lambda: self._deliver(order))
        finally:
            os.close(message)

    def _deliver(self, order: spawnclassic.ClassicOrder) -> int:
        """In the child: look up, become the user, run qmail-local; returns an exit status if that cannot be."""
        local, _, host = order.recipient.rpartition(b"@")
        if not local:
            return 0  # the trash address
        try:
            account = find_account(self._home, local)
            privileges.become(account.uid, account.gid)
            return run_local(self._home, account, local, host, order.sender, self._defaultdelivery)
        except LookupFailed as failed:
            return failed.code
        except MailError as error:
            write_all(1, error.text.encode() + b"\n")
            return 111
        except privileges.NotPermitted:
            return localreport.BUG

    def _ended(self, number: int, status: int, output: bytes) -> None:
        outcome = parse_report(localreport.report(status, output))
        assert outcome is not None  # reports begin with a letter
        self._report(number, outcome)

    def _report(self, number: int, outcome: Outcome) -> None:
        write_all(self._reports, spawnclassic.format_report(number, outcome))


def run_local(home: str, account: Account, local: bytes, host: bytes, sender: bytes, defaultdelivery: bytes) -> int:
    """Become bin/qmail-local with the message on descriptor 0 and the report on 1 and 2; the exit status if that fails.

    qmail bounces the mail when there is no such program. That is a broken installation, so here the mail waits.
    """
    words = [b"bin/qmail-local", b"--", account.user, account.home, local, account.dash, account.ext, host, sender]
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.umask(0o077)
    try:
        os.chdir(home)
        os.execve(f"{home}/{PROGRAM}", [*words, defaultdelivery], environment.clean(os.environb, os.fsencode(home)))
    except OSError:
        return localreport.EXEC_SOFT


def _message_owner() -> int:
    """The uid of qmailq; on a machine without that account, of whoever owns queue/mess."""
    try:
        return pwd.getpwnam("qmailq").pw_uid
    except KeyError:
        return os.stat(".").st_uid

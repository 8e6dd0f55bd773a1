"""qmailctl - start, stop and steer the mail server

    qmailctl start|stop|restart|pause|cont|stat|doqueue|flush|reload|queue|cdb|help

start    start the mail system: connections are accepted, mail goes out
stop     stop it: connections are refused, nothing goes out, the queue is kept. Waits for running deliveries.
restart  stop it and start it again
pause    begin no delivery any more, and let new SMTP, QMTP, QMQP and OFMIP connections wait. What is in progress goes
         on to its end; no connection is lost, local programs still queue, POP3 goes on. A restart ends the pause.
cont     go on after pause
stat     whether it runs, since when, whether it pauses; and how many messages are in the queue
doqueue  forget which hosts did not answer, and try all queued messages now (also: alarm, alrm, flush)
reload   reread control (also: hup)
queue    how many messages are in the queue, and which
cdb      rebuild /etc/tcp.smtp.cdb from /etc/tcp.smtp, for tcpserver. control/tcprules needs no such step.
help     this list

The server of the home is started and stopped by the one who keeps it: a supervise in HOME/supervise/qmail-send or
HOME/supervise/qmtwist (other services there, such as qmail-smtpd, are started and stopped with it); systemd, if
qmtwist.service names this home; else it is HOME/rc, a copy of a script of HOME/boot: boot/server listens as
control says, the others deliver alone. What such a script writes to its own output goes to syslog.

Only root, and the user as whom the server runs, may do all this.

Exit status: 0; 1 for a wrong command line; 111 if it could not be done.
"""

from __future__ import annotations

import os
import subprocess
import sys

from qmtwist.agents.submit import injection
from qmtwist.agents.supervise import keepers
from qmtwist.agents.supervise.hurry import NotAllowed, tell
from qmtwist.cli.queue import qmail_qread, qmail_qstat
from qmtwist.mail.shapes import Callable, Iterator
from qmtwist.store.deadhosts import DeadHosts
from qmtwist.store.queue.layout import Layout
from qmtwist.store.signals import signal
from qmtwist.wire.injection import CONTINUE, PAUSE, STATUS

RULES = "/etc/tcp.smtp"
USAGE = "{start|stop|restart|doqueue|flush|reload|stat|pause|cont|cdb|queue|help}"
ALSO = {"alarm": "doqueue", "alrm": "doqueue", "flush": "doqueue", "hup": "reload"}


def main(arguments: list[bytes], home: str) -> int:
    """Do what the first argument says."""
    verb = os.fsdecode(arguments[0]) if len(arguments) == 1 else ""
    control = Control(os.path.abspath(home))
    step = control.verbs.get(ALSO.get(verb, verb))
    if step is None:
        sys.stderr.write(f"Usage: qmailctl {USAGE}\n")
        return 1
    try:
        for line in step():
            print(line, flush=True)
    except NotAllowed:
        return _die("the server is not yours to steer")
    except keepers.Trouble as trouble:
        return _die(str(trouble))
    except OSError as trouble:
        return _die(f"{trouble.filename}: {trouble.strerror}" if trouble.filename else str(trouble.strerror))
    return control.status


def _die(text: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"qmailctl: fatal: {text}\n")
    return 111


class Control:
    """The verbs, each a function that does it and gives the lines to print."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.layout = Layout(f"{home}/queue")
        self.status = 0
        self.verbs: dict[str, Callable[[], Iterator[str]]] = {
            "start": lambda: keepers.keeper(home).start(),
            "stop": lambda: keepers.keeper(home).stop(),
            "restart": lambda: keepers.keeper(home).restart(),
            "pause": lambda: self._order(PAUSE, "Pausing"),
            "cont": lambda: self._order(CONTINUE, "Continuing"),
            "stat": self._stat,
            "doqueue": self._flush,
            "reload": self._reload,
            "queue": self._queue,
            "cdb": self._rebuild,
            "help": self._help,
        }

    def _order(self, order: bytes, word: str) -> Iterator[str]:
        keeper = keepers.keeper(self.home)
        yield f"{word} {keeper.name}"
        keeper.others(order.decode())
        self._ask(order)

    def _ask(self, order: bytes) -> bytes:
        """An order to the server; what it is then: `running` or `paused`."""
        try:
            return injection.order(self.layout.socket, order).text
        except injection.Unavailable as trouble:
            raise keepers.Trouble("the server is not running") from trouble
        except injection.Lost as trouble:
            raise keepers.Trouble("the server does not listen to you") from trouble

    def _stat(self) -> Iterator[str]:
        try:
            pause = ", paused" if self._ask(STATUS) == b"paused" else ""
        except keepers.Trouble:
            pause = ""
        for place, line in enumerate(keepers.keeper(self.home).state()):
            yield line if place else line + pause
        self.status = qmail_qstat.main([], self.home)

    def _flush(self) -> Iterator[str]:
        yield "Flushing timeout table and sending ALRM signal to qmail-send."
        DeadHosts(self.layout.tcpto).clear()
        self._signal(signal.SIGALRM)

    def _reload(self) -> Iterator[str]:
        yield "Sending HUP signal to qmail-send."
        self._signal(signal.SIGHUP)

    def _signal(self, number: int) -> None:
        try:
            tell(self.home, number)
        except OSError as trouble:
            raise keepers.Trouble("the server is not running") from trouble

    def _queue(self) -> Iterator[str]:
        self.status = qmail_qstat.main([], self.home) or qmail_qread.main([], self.home)
        yield from ()

    def _rebuild(self) -> Iterator[str]:
        with open(RULES, "rb") as rules:
            command = [f"{self.home}/bin/tcprules", f"{RULES}.cdb", f"{RULES}.tmp"]
            if subprocess.run(command, stdin=rules).returncode:
                raise keepers.Trouble(f"{RULES}.cdb stays as it was")
        os.chmod(f"{RULES}.cdb", 0o644)
        yield f"Reloaded {RULES}."

    def _help(self) -> Iterator[str]:
        text = (__doc__ or "").split("\n\n")[2]
        yield from text.splitlines()

"""qmail-rspawn's work in the daemon's service: all sessions with other hosts in a reactor of their own."""

from __future__ import annotations

import signal
import socket
from typing import Any

from twisted.internet import epollreactor
from twisted.internet.main import installReactor
from twisted.logger import globalLogBeginner

from qmtwist.services import descriptors
from qmtwist.services.log.quietlog import observe

DESCRIPTORS = 20_000  # connections and messages; more are of no use to one process


def serve_daemon(home: str, descriptor: int) -> int:
    """Obey the daemon on this UNIX socket until it hangs up and what was begun is done; the exit status.

    The process already is the user that it shall be.
    """
    reactor: Any = epollreactor.EPollReactor()  # type: ignore[no-untyped-call]
    installReactor(reactor)  # type: ignore[no-untyped-call]
    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False)
    from .agent import IDLE_LIMIT, Agent  # what it imports may ask for a reactor

    idle_limit = min(IDLE_LIMIT, descriptors.raise_limit(DESCRIPTORS) // 4)
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    agent = Agent(reactor, home, connection, lambda: reactor.callLater(0, reactor.stop), idle_limit)
    # They are for the daemon, which tells us when to go, also when a terminal or a supervisor sends them to all of us:
    # it takes back what has not begun, and that is due as before. Ending by ourselves we would defer it, and all that
    # comes until we are gone. Without a daemon we end anyway.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    reactor.callWhenRunning(agent.start)
    reactor.run(installSignalHandlers=False)
    return 0

"""Signals become calls in the reactor."""

from __future__ import annotations

import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PROGRAM = """
import os, signal
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python import log
from qmtwist.services.signals import Signals

log.addObserver(lambda event: print(log.textFromEventDict(event)) if event["isError"] else None)

def leave():
    # it stops for a reason of its own, and is told to by its supervisor in the same moment
    os.kill(os.getpid(), signal.SIGTERM)
    reactor.stop()

signals = Signals(reactor, {signal.SIGHUP: lambda: print("reread", flush=True)})
signals.install()
reactor.callLater(0, os.kill, os.getpid(), signal.SIGHUP)
reactor.callLater(0.05, leave)
reactor.addSystemEventTrigger("before", "shutdown", lambda: deferLater(reactor, 0.1, lambda: None))
reactor.run()
print("ended")
"""


def test_hup_is_heard_and_a_term_while_it_stops_is_no_error() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": TOP},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "reread\nended\n", "")

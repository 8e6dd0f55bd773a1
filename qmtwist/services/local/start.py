"""How qmail-lspawn, the local agent, is started, and what it starts for us in turn."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from twisted.internet.interfaces import IReactorProcess

from qmtwist.control.settings import DeliverySettings
from qmtwist.services.agentprocess import AgentProcess, launch
from qmtwist.services.fdchannel import FdChannel
from qmtwist.wire import spawn

PROGRAM = "qmail-lspawn"


def launch_local(
    reactor: IReactorProcess, home: str, settings: DeliverySettings, checkpassword: bytes | None, process: AgentProcess
) -> socket.socket:
    """Run HOME/bin/qmail-lspawn; our end of its socket.

    :raises OSError: it cannot be run.
    """
    words = [b"--agent", b"--defaultdelivery", settings.defaultdelivery]
    words += [b"--programtimeout", b"%d" % settings.program_timeout_s]
    if checkpassword:
        words += [b"--checkpassword", checkpassword]
    names = (b"PATH", b"QMAILQUEUE", b"QMAILREMOTE", b"TZ")
    environment = {name: os.environb[name] for name in names if name in os.environb}
    environment[b"QMTWIST_HOME"] = os.fsencode(home)
    return launch(reactor, home, PROGRAM, words, environment, process)


def ask_for_courier(channel: FdChannel, words: Sequence[bytes]) -> socket.socket:
    """Let the local agent run qmail-rspawn; our end of its socket, which ends at once if it cannot.

    :raises OSError: no socket.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    payload = b"".join(word + b"\0" for word in words)
    channel.send(spawn.frame(spawn.COURIER, 0, payload), (theirs.detach(),))
    return ours

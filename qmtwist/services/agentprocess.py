"""An agent as a child of the daemon: started with a UNIX socket on descriptor 3, heard when it complains or ends."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence

from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

COMPLAINT_BYTES = 1000


class AgentProcess(ProcessProtocol):
    """The process of one agent; what it says on stderr goes to the log. `ended` is called once."""

    def __init__(self, ended: Callable[[Failure], None], log: Callable[[bytes], None]) -> None:
        self._on_ended = ended
        self._log = log

    def kill(self) -> None:
        """End it; for one that has lost its socket."""
        transport: IProcessTransport | None = self.transport
        if transport is not None:
            with contextlib.suppress(Exception):
                transport.signalProcess("TERM")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Descriptor 2: a complaint."""
        for line in data.splitlines():
            self._log(b"alert: " + line[:COMPLAINT_BYTES])

    def processEnded(self, reason: Failure) -> None:
        """It has gone."""
        self._on_ended(reason)


def launch(
    reactor: IReactorProcess,
    home: str,
    program: str,
    arguments: Sequence[bytes],
    environment: Mapping[bytes, bytes],
    process: AgentProcess,
) -> socket.socket:
    """Run HOME/bin/`program`; our end of its socket.

    :raises OSError: no socket, or no process.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with theirs, open(os.devnull, "r+b", buffering=0) as nowhere:
            null = nowhere.fileno()
            files: dict[int, int | str] = {0: null, 1: null, 2: "r", 3: theirs.fileno()}
            words = [program.encode(), *arguments]
            reactor.spawnProcess(process, os.path.join(home, "bin", program), words, environment, home, childFDs=files)
    except BaseException:
        ours.close()
        raise
    return ours


def why(reason: Failure) -> bytes:
    """How a process ended, in words."""
    return b"it left" if isinstance(reason.value, ProcessDone) else str(reason.value).encode()

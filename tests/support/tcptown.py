"""A home whose services are started by tcpserver or inetd; no daemon, so what comes in waits in the queue."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator

from tests.support.daemon import environment
from tests.support.tcpservers import TcpServer
from tests.support.town import Town

RULES = '127.:allow,RELAYCLIENT=""\n:deny\n'


class Place(Town):
    """A town with rules, and the words that start servers in it."""

    def prepare(self) -> None:
        """Set it up: 127.* may relay under tcp.smtp.cdb."""
        self.make()
        self.write("control/concurrencyincoming", "20\n")
        self.write("control/rcpthosts", "test.example\n")
        self.run("tcprules", f"{self.path}/tcp.smtp.cdb", f"{self.path}/tcp.smtp.tmp", text=RULES)

    def rights(self) -> list[str]:
        """Become qmaild, as far as we may."""
        return ["-u", "1002", "-g", "1001"] if self.is_real else []

    def server(self, *words: str) -> TcpServer:
        """tcpserver with these words, where names of our programs stand for their paths."""
        command = [self.program(word) if os.path.exists(self.program(word)) else word for word in words]
        return TcpServer(command, environment(), self.before_exec())

    def queued(self) -> list[str]:
        """The messages that wait in the queue."""
        found = []
        for directory, _, names in os.walk(f"{self.path}/queue/mess"):
            for name in names:
                with open(os.path.join(directory, name), encoding="latin-1") as stream:
                    found.append(stream.read())
        return found

    def empty(self) -> None:
        """Throw away what waits in the queue."""
        for part in ("mess", "todo", "intd"):
            for directory, _, names in os.walk(f"{self.path}/queue/{part}"):
                for name in names:
                    os.unlink(os.path.join(directory, name))


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A fresh one; removed at the end."""
    directory = tempfile.mkdtemp(prefix="qmtwist-test-", dir="/tmp")
    os.chmod(directory, 0o755)
    made = Place(directory, ("joe",))
    try:
        made.prepare()
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)

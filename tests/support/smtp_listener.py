"""An SMTP service on a loopback port, in a process of its own, with a queue in memory.

Run as a program it prints its port, then the log; whatever a client queues is printed as a `queued` line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

START_S = 30.0


@contextmanager
def smtp_listener(**settings: object) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Port and process of a fresh service."""
    command = [sys.executable, "-m", "tests.support.smtp_listener", repr(settings)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.terminate()


def main() -> None:
    """The process itself."""
    from ast import literal_eval

    import attrs
    from twisted.internet.endpoints import TCP4ServerEndpoint
    from twisted.internet.epollreactor import EPollReactor

    from qmtwist.services.smtp.clerk import Staff
    from qmtwist.services.smtp.smtpd import make_smtp_factory
    from tests.support.fake_intake import FakeDraft, FakeIntake
    from tests.support.smtp_service import SETTINGS, FakeCheck

    def say(line: bytes) -> None:
        os.write(1, line + b"\n")

    reactor = EPollReactor()

    class LaterDraft(FakeDraft):
        """As from a disk: the answer comes in another turn of the reactor."""

        def settle(self) -> None:
            say(b"queued %d bytes" % len(self.body))
            reactor.callLater(0.01, super().settle)

    class LaterIntake(FakeIntake):
        def open(self, *details: object) -> FakeDraft:
            draft = super().open(*details)  # type: ignore[arg-type]
            draft.__class__ = LaterDraft
            return draft

    staff = Staff(reactor, LaterIntake(), FakeCheck(), say, 0)
    factory = make_smtp_factory(staff, attrs.evolve(SETTINGS, **literal_eval(sys.argv[1])))
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    endpoint.listen(factory).addCallback(lambda port: say(b"%d" % port.getHost().port))
    reactor.run()


if __name__ == "__main__":
    main()

"""An office that sends mail to other hosts: routes, orders to send, and what became of them, with times."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import time
from collections.abc import Callable, Iterator

from tests.support.daemon import LIMIT_S, running
from tests.support.processes import tree
from tests.support.town import HOST, Office, Town, town

MESSAGE = b"Subject: x\n\nbody\n"
RELAY_FOR_US = '127.:allow,RELAYCLIENT=""\n:allow\n'


def wait_until(
    condition: Callable[[], object], why: Callable[[], object] = lambda: "", limit_s: float = LIMIT_S
) -> None:
    """Wait for a condition; `why` is asked for a word about a failure."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(0.01)


class Station(Office):
    """The daemon of a town whose mail goes out."""

    def __init__(self, made: Town, *options: str) -> None:
        super().__init__(made, *options)
        self.times: list[float] = []  # of the lines in `log`; time.monotonic()

    def _read_log(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self.times.append(time.monotonic())
            self.log.append(line.rstrip("\n"))

    # -- control

    def control(self, **files: str | None) -> None:
        """Write (or with None remove) control files, and wait until the server has read them."""
        since = self.mark()
        for name, text in files.items():
            path = f"{self.town.path}/control/{name}"
            if text is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            else:
                self.town.write(f"control/{name}", text)
        self.signal(signal.SIGHUP)
        self.wait_for_line("control: ", since)

    def route(self, **more: str | None) -> None:
        """Set control/smtproutes to `domain:relay` lines; underlines in the domains stand for dots."""
        self.control(smtproutes="".join(f"{key.replace('_', '.')}:{value}\n" for key, value in more.items()))

    # -- mail

    def send(self, *recipients: str, sender: str = "s@far.example", message: bytes = MESSAGE) -> None:
        """Queue one message, whose lines end in LF, by SMTP."""
        with self.smtp() as client:
            client.sendmail(sender, recipients, message.replace(b"\n", b"\r\n"))

    def send_many(self, mails: Iterator[tuple[str, str, bytes]]) -> None:
        """Queue messages (sender, recipient, message) down one connection; their lines end in LF."""
        with self.smtp() as client:
            for sender, recipient, message in mails:
                try:
                    client.sendmail(sender, [recipient], message.replace(b"\n", b"\r\n"))
                except smtplib.SMTPException as error:
                    raise AssertionError(error) from error

    def alarm(self) -> int:
        """Let it try everything again; where the log ended."""
        since = self.mark()
        self.signal(signal.SIGALRM)
        return since

    # -- what became of it

    def attempts(self, recipient: str, since: int = 0) -> list[tuple[str, float, float]]:
        """The reports of all finished deliveries to a recipient (`success: ...`), with the times of start and end."""
        started: dict[str, float] = {}
        found = []
        for at in range(since, len(self.log)):
            words = self.log[at].split(" ", 3)
            if self.log[at].startswith("starting delivery ") and self.log[at].endswith(f" to remote {recipient}"):
                started[words[2].rstrip(":")] = self.times[at]
            elif words[0] == "delivery" and words[1].rstrip(":") in started:
                found.append((" ".join(words[2:]), started[words[1].rstrip(":")], self.times[at]))
        return found

    def outcome(self, recipient: str, since: int = 0, limit_s: float = LIMIT_S) -> str:
        """Wait for the next report about a recipient: `success: text`, `failure: text` or `deferral: text`."""
        wait_until(
            lambda: self.attempts(recipient, since),
            lambda: f"nothing about {recipient} in:\n" + "\n".join(self.log[-60:]),
            limit_s,
        )
        return self.attempts(recipient, since)[0][0]

    def wait_for_rest(self, limit_s: float = LIMIT_S) -> None:
        """Wait until the last status line shows no delivery."""

        def is_at_rest() -> bool:
            last = next((line for line in reversed(self.log) if line.startswith("status: ")), "")
            return " remote 0/" in last and " local 0/" in last

        wait_until(is_at_rest, lambda: "\n".join(self.log[-40:]), limit_s)

    def queued(self) -> int:
        """How many messages the queue holds, as qmail-qstat counts them."""
        return int(self.town.run("qmail-qstat").split()[3])

    def remote_agents(self) -> list[int]:
        """The processes of the remote agents; the local agent starts those that are started again."""
        found = []
        for pid in tree(self.pid):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
                words = stream.read()
                if b"qmail-rspawn\0" in words and b"--agent\0" in words:
                    found.append(pid)
        return found


@contextlib.contextmanager
def station(
    *users: str,
    host: str = HOST,
    prepare: Callable[[Town], None] | None = None,
    options: tuple[str, ...] = (),
    **control: str,
) -> Iterator[Station]:
    """A fresh town with these control files and its running daemon. Clients on 127.x may relay."""

    def furnish(made: Town) -> None:
        os.unlink(f"{made.path}/control/smtproutes")
        for name, text in {"tcprules": RELAY_FOR_US, **control}.items():
            made.write(f"control/{name}", text)
        if prepare is not None:
            prepare(made)

    with town(*users, host=host, prepare=furnish) as made, running(Station(made, *options)) as daemon:
        assert isinstance(daemon, Station)
        yield daemon

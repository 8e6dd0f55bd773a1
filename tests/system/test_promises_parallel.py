"""How many deliveries go on at a time without a word in control/, and how fast that is beside the original."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP, running
from tests.support.remote import wait_until
from tests.support.town import Office, town

pytestmark = pytest.mark.system

QMAIL = "/var/qmail/bin/qmail-send"
BENCH_S = 150.0


class Silence:
    """A host that takes connections and says nothing; `most` is how many it had at once."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = int(self._listener.getsockname()[1])
        self.most = 0
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        held: list[socket.socket] = []
        with selectors.DefaultSelector() as waits:
            waits.register(self._listener, selectors.EVENT_READ)
            while not self._is_closed:
                for key, _ in waits.select(0.05):
                    if key.fileobj is self._listener:
                        held.append(self._listener.accept()[0])
                        waits.register(held[-1], selectors.EVENT_READ)
                    else:
                        waits.unregister(key.fileobj)
                        held.remove(key.fileobj)  # type: ignore[arg-type]
                        key.fileobj.close()  # type: ignore[union-attr]
                self.most = max(self.most, len(held))
            for connection in held:
                connection.close()

    def close(self) -> None:
        """Hang up on everybody."""
        self._is_closed = True
        self._thread.join()
        self._listener.close()


@pytest.fixture
def silence() -> Iterator[Silence]:
    with contextlib.closing(Silence()) as host:
        yield host


def test_twenty_deliveries_go_on_at_once_by_default(silence: Silence) -> None:
    """S303: 20 to other hosts and 10 to this, never more."""
    with town("joe") as made:
        made.write("control/smtproutes", f":127.0.0.1:{silence.port}\n")
        made.file("joe", ".qmail-wait", "|while ! test -e go; do sleep 0.05; done\n")
        assert not any(
            os.path.exists(f"{made.path}/control/{name}") for name in ("concurrencyremote", "concurrencylocal")
        )
        with running(Office(made)) as office:
            for number in range(25):
                office.queue(f"u@h{number}.example")
                office.queue("joe-wait@test.example")
            office.wait_for_line("status: local 10/10 remote 20/20")
            wait_until(lambda: silence.most >= 20)
            made.file("joe", "go", "")
            silence.close()
            office.wait_for_line("status: local 0/10 remote 0/20")
        assert not any("local 11/" in line or "remote 21/" in line for line in office.log)


@pytest.mark.long
@pytest.mark.root
@pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(QMAIL) or not all(map(shutil.which, ("tcpserver", "smtp-source"))),
    reason="needs root, qmail in /var/qmail, tcpserver and Postfix's smtp-source",
)
def test_it_is_faster_than_the_qmail_it_replaces() -> None:
    """S303: with one client and with many, from SMTP to a Maildir; the figures are in bench/RESULTS.md."""
    command = [sys.executable, "-m", "bench.end_to_end", "--quick", "--rounds", "1", "--peers", "qmtwist,qmail"]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=BENCH_S)
    assert ended.returncode == 0, ended.stderr
    rows = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]
    ratios = {row["load"]: row["times qmail"] for row in rows if row["peer"] == "qmtwist"}
    assert len(ratios) == 4 and all(ratio > 1 for ratio in ratios.values()), ratios

"""The recipes of docs/howto/anti-spam-basics.md, typed as they stand, on a real server with a DNS on loopback.

Only the addresses are others: 192.0.2.x is 127.0.0.x, and the network 10.1.2. is 127.0.1.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, TOP, Daemon, Home, environment, running
from tests.support.remote import wait_until
from tests.support.zone import Zone

pytestmark = pytest.mark.system

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
ZONE = """
8.0.0.127.drop.example. TXT "bad neighbourhood"
forged.example. TXT "v=spf1 ip4:127.0.0.40 -all exp=why.forged.example"
why.forged.example. TXT "%{i} sends nothing of ours"
far.example. TXT "v=spf1 ip4:127.0.0.41 ~all"
forwarders.example. TXT "v=spf1 ip4:127.0.0.26 -all"
"""


def commands() -> list[str]:
    """What the page types, in order."""
    with open(f"{TOP}/docs/howto/anti-spam-basics.md", encoding="utf-8") as stream:
        found = [line for block in BLOCK.findall(stream.read()) for line in block.splitlines()]
    assert all(line.startswith("# ") for line in found)
    return [line[2:] for line in found]


class Place:
    """The server, and a shell in which root types."""

    def __init__(self, home: Home, daemon: Daemon, programs: str) -> None:
        self.home = home
        self.daemon = daemon
        self.env = {**environment(), "PATH": f"{programs}:{home.path}/bin:/usr/bin:/bin"}

    def type(self, *lines: str) -> str:
        """Type commands of the page; they must succeed."""
        text = "\n".join(lines).replace("192.0.2.", "127.0.0.").replace("10.1.2.", "127.0.1.")
        text = text.replace("/var/qmail", self.home.path)
        command = ["/bin/sh", "-ec", text]
        ended = subprocess.run(command, capture_output=True, text=True, env=self.env, timeout=60, cwd="/")
        assert ended.returncode == 0, f"{text}\n{ended.stdout}{ended.stderr}"
        return ended.stdout + ended.stderr

    def forget(self) -> None:
        """Without what a test has written."""
        for name in ("badmailfrom", "tcprules", "rbldns", "spfbehavior", "spfrules", "databytes"):
            if os.path.exists(f"{self.home.path}/control/{name}"):
                os.unlink(f"{self.home.path}/control/{name}")

    def answer(self, source: str, sender: str, recipient: str = "", helo: str = "client.test") -> tuple[int, str]:
        """What a client with this address is answered to the last command of a transaction."""
        address = ("127.0.0.1", self.daemon.smtp_port)
        with smtplib.SMTP(*address, helo, timeout=LIMIT_S, source_address=(source, 0)) as client:
            client.helo()
            client.mail(sender)
            code, text = client.rcpt(recipient or self.home.address("alice"))
            return code, text.decode()

    def send(self, source: str, sender: str) -> bytes:
        """A message that is taken, as it was delivered."""
        before = len(self.home.messages("alice"))
        address = ("127.0.0.1", self.daemon.smtp_port)
        with smtplib.SMTP(*address, "client.test", timeout=LIMIT_S, source_address=(source, 0)) as client:
            client.sendmail(sender, [self.home.address("alice")], b"Subject: x\r\n\r\nbody\r\n")
        messages = self.daemon.wait_for_messages("alice", before + 1)
        (new,) = [message for message in messages if f"<{sender}>".encode() in message.partition(b"\n")[0]]
        return new


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    directory = tempfile.mkdtemp(prefix="qmtwist-spam-")
    try:
        with Zone(ZONE) as zone:
            os.chmod(directory, 0o755)
            home = Home(directory, ("alice",))
            home.make()
            home.write("control/nameservers", zone.nameserver + "\n")
            os.mkdir(f"{directory}/programs")
            with open(f"{directory}/programs/qmtwist", "w", encoding="ascii") as stream:
                # a test's home has not the owners of a real one: only what is said of control/ counts
                check = f'{sys.executable} -m qmtwist.cli.main "$@" --home {home.path}'
                stream.write(f"#!/bin/sh\n! {check} 2>&1 | grep -e control/ -e Traceback\n")
            os.chmod(f"{directory}/programs/qmtwist", 0o755)
            daemon = Daemon(home)
            with running(daemon):
                yield Place(home, daemon, f"{directory}/programs")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def told(place: Place) -> Iterator[list[str]]:
    place.forget()
    yield commands()
    place.forget()


def wait_for_settings(place: Place) -> None:
    """The service looks once a second; HUP makes it look at once."""
    marked = len(place.daemon.log)
    place.home.write("control/smtpgreeting", f"greeting {marked}\n")
    place.daemon.signal(signal.SIGHUP)
    wait_until(lambda: any("smtpgreeting" in line for line in place.daemon.log[marked:]))


def test_the_recipes_together_keep_rubbish_out(place: Place, told: list[str]) -> None:
    """S300: each of them refuses whom it names, and nobody else."""
    together = told[: told.index("qmtwist check") + 1]
    assert [line.rpartition("> ")[2] for line in together[1:-1]] == [
        "badmailfrom", "tcprules", "rbldns", "spfbehavior", "databytes",
    ]  # fmt: skip
    place.type(*together)
    wait_for_settings(place)
    assert place.answer("127.0.0.9", "joe@honest.example")[0] == 250
    assert place.answer("127.0.0.9", "user@bad.example")[0] == 553
    assert place.answer("127.0.0.9", "other@bad.example")[0] == 250
    assert place.answer("127.0.0.9", "any@worse.example")[0] == 553
    assert place.answer("127.0.0.9", "joe@honest.example", "x@elsewhere.example")[0] == 553
    assert place.answer("127.0.1.5", "joe@honest.example", "x@elsewhere.example")[0] == 250
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        place.answer("127.0.0.7", "joe@honest.example")
    assert place.answer("127.0.0.8", "joe@honest.example") == (451, "bad neighbourhood")
    assert place.answer("127.0.0.9", "bob@forged.example") == (
        550, "SPF: forged.example explains: 127.0.0.9 sends nothing of ours (#5.7.23)",
    )  # fmt: skip
    assert place.answer("127.0.0.40", "bob@forged.example")[0] == 250
    assert place.answer("127.0.0.9", "bob@far.example")[0] == 250  # only a softfail
    assert place.answer("127.0.1.5", "bob@forged.example")[0] == 250  # one of ours


def test_spf_says_what_was_found_and_forwarders_pass(place: Place, told: list[str]) -> None:
    """S300: the commands of the section on SPF."""
    rest = told[told.index("qmtwist check") + 1 :]
    (behavior, query), (rules,) = rest[:2], rest[2:]
    said = place.type(behavior, query)
    assert said.startswith("fail\n-all\n127.0.0.9 sends nothing of ours\nReceived-SPF: fail (")
    wait_for_settings(place)
    message = place.send("127.0.0.41", "bob@far.example")
    assert b"\nReceived-SPF: pass (test.example: domain of bob@far.example designates 127.0.0.41 as " in message
    assert message.index(b"Received-SPF") < message.index(b"Received: from")
    assert place.answer("127.0.0.25", "bob@forged.example")[0] == 550
    assert place.answer("127.0.0.9", "", helo="forged.example")[0] == 550
    place.type(rules)
    wait_for_settings(place)
    assert place.answer("127.0.0.25", "bob@forged.example")[0] == 250
    assert place.answer("127.0.0.26", "bob@forged.example")[0] == 250
    assert place.answer("127.0.0.27", "bob@forged.example")[0] == 550
    assert b'mechanism="local policy"' in place.send("127.0.0.25", "sue@forged.example")

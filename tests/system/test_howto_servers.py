"""Every command of the pages about tcpserver, QMTP, QMQP and null clients works, typed in order.

In a network of its own, where the ports are free and 192.0.2.x answers, and with qmail's accounts. Only the paths are
others: /var/qmail and what the pages put into /etc are in the test's directory.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP, environment
from tests.support.network import private_network
from tests.support.processes import kill_all, tree
from tests.support.town import Town, town
from tests.support.typist import type_into

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.root]

BLOCK = re.compile(r"^(## [^\n]*)|^```console\n(.*?)^```$", re.M | re.S)
LIMIT_S = 60.0
# Said again until they work: what they look for, or talk to, takes a moment to come.
PATIENT = ("grep", "(echo user", "printf 'To: ", "printf 'Subject: ", "curl", "bin/qmail-remote")


def commands(page: str) -> list[tuple[str, str]]:
    """The commands of a page in order, each with the heading above it."""
    found, heading = [], ""
    with open(f"{TOP}/docs/howto/{page}.md", encoding="utf-8") as stream:
        for block in BLOCK.finditer(stream.read()):
            heading = block[1] or heading
            lines = (block[2] or "").splitlines()
            assert all(line.startswith("$ ") for line in lines), "a console block shows commands only"
            found += [(heading, line[2:]) for line in lines]
    return found


def texts(page: str, heading: str) -> list[str]:
    """The lines that a page shows for several hosts, below a heading; PIN stands for what `tlskey` has printed."""
    with open(f"{TOP}/docs/howto/{page}.md", encoding="utf-8") as stream:
        (section,) = re.findall(rf"^{heading}\n(.*?)(?=^## |\Z)", stream.read(), re.M | re.S)
    return [line for block in re.findall(r"^```text\n(.*?)^```$", section, re.M | re.S) for line in block.splitlines()]


class Typist:
    """Root at a shell on the host of a town; commands below `On the client` mean another home."""

    def __init__(self, place: Town) -> None:
        self._town = place
        self._client = f"{place.top}/client"
        self._etc = f"{place.top}/etc"
        os.mkdir(self._etc)
        os.mkdir(f"{place.top}/programs")
        with open(f"{place.top}/programs/qmtwist", "w", encoding="ascii") as stream:
            stream.write(f'#!/bin/sh\nexec {sys.executable} -m qmtwist.cli.main "$@"\n')
        os.chmod(f"{place.top}/programs/qmtwist", 0o755)
        path = f"{place.top}/programs:{place.path}/bin:{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin"
        self._shell: subprocess.Popen[str] = subprocess.Popen(
            ["/bin/bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=place.top,
            env={**environment(), "PATH": path},
            start_new_session=True,
            preexec_fn=place.before_exec(),
        )

    def type(self, heading: str, command: str) -> str:
        """Type it; it must succeed, some of them after a moment. What was printed."""
        home = self._client if "On the client" in heading or "Who it comes from" in heading else self._town.path
        typed = command.replace("/var/qmail", home).replace("/etc/tcp", f"{self._etc}/tcp")
        typed = typed.replace("/etc/qmqp", f"{self._etc}/qmqp")
        deadline = time.monotonic() + LIMIT_S
        while True:
            status, output = type_into(self._shell, typed)
            if status == 0:
                break
            is_worth_it = command.startswith(PATIENT) and time.monotonic() < deadline
            assert is_worth_it, f"$ {typed}\n{output}[exit {status}]\n{self.log()}"
            time.sleep(0.1)
        if command.startswith("twistd"):
            self.type("", "grep '^status: local' log")
        return output

    def log(self) -> str:
        """The end of the server's log."""
        try:
            with open(f"{self._town.path}/log", encoding="latin-1") as stream:
                return stream.read()[-3000:]
        except FileNotFoundError:
            return ""

    def leave(self) -> None:
        """End what runs in the background, then the shell."""
        kill_all([*tree(self._shell.pid)])
        self._shell.wait(LIMIT_S)
        for stream in (self._shell.stdin, self._shell.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def typist() -> Iterator[Typist]:
    with private_network(), town("joe", host="mail.example") as place:
        if not place.is_real:
            pytest.skip("no private name spaces here")
        made = Typist(place)
        try:
            yield made
        finally:
            made.leave()


@pytest.mark.parametrize("page", ["tcpserver-and-friends", "qmtp", "qmqp-hub", "null-client", "rewriting"])
def test_the_commands_of_a_page_work(page: str, typist: Typist) -> None:
    told = commands(page)
    assert len(told) >= 8
    said = {command: typist.type(heading, command) for heading, command in told}
    if page == "tcpserver-and-friends":
        assert "allow connection" in next(text for command, text in said.items() if "tcprulescheck" in command)
    if page == "null-client":
        assert said["cat /var/qmail/control/qmqpservers"] == "192.0.2.25\n"
        assert said["qmtwist check --home /var/qmail"] == ""


def test_the_run_script_for_supervise_serves_qmtp(typist: Typist) -> None:
    """S231."""
    with open(f"{TOP}/docs/howto/qmtp.md", encoding="utf-8") as stream:
        (script,) = re.findall(r"^```text\n(#!/bin/sh\n.*?)^```$", stream.read(), re.M | re.S)
    for command in (
        "cd /var/qmail",
        f"cat > run.qmtp <<'END'\n{script}END",
        "echo ':allow' | tcprules /etc/tcp.qmtp.cdb /etc/tcp.qmtp.tmp",
        "sh ./run.qmtp > log.qmtp &",
        "grep 'tcpserver: status: 0/40' log.qmtp",
        "echo 'mail.example:[192.0.2.25]' > control/qmtproutes",
        "echo 'Subject: hello' > message",
        "bin/qmail-remote mail.example a@b.example joe@mail.example < message | tr '\\0' '\\n' | grep '^K192.0.2.25 '",
        "grep 'tcpserver: ok .*:192.0.2.25:209 ' log.qmtp",
        "kill $!",
    ):
        typist.type("", command)


SERVER = "twistd -n --pidfile= qmtwist --home /var/qmail >> log 2>&1 &"


def test_the_commands_for_qmtp_inside_tls_work(typist: Typist) -> None:
    typist.type("", "cd /var/qmail")
    printed = typist.type("", "qmtwist tlskey --home /var/qmail").strip()
    pin = printed.split()[0]
    told = texts("qmtp", "## Inside TLS")
    assert len(told) == 4
    for command in told:  # the host is a relay of its own
        command = command.replace("PIN hub.example", printed).replace("PIN", pin)
        typist.type("", command.replace("mx.mail.example", "192.0.2.25"))
    typist.type("", SERVER)
    typist.type("", "echo 'Subject: hello' > message")
    for recipient in ("joe@mail.example", "bob@elsewhere.example"):
        remote = f"bin/qmail-remote mail.example a@b.example {recipient} < message"
        typist.type("", f"{remote} | tr '\\0' '\\n' | grep '^K192.0.2.25 accepted message'")
    typist.type("", "grep '^qmtps .* accepted' log")


def test_the_commands_for_null_clients_inside_tls_work(typist: Typist) -> None:
    typist.type("", "cd /var/qmail")
    key, listen, setup = texts("null-client", "## Inside TLS")
    pin = typist.type("", key).split()[0]
    typist.type("", listen)
    said = typist.type("On the client", setup.replace("PIN", pin))
    (line,) = re.findall(r"[0-9a-f]{64} zippy\.example", said)
    typist.type("", f"echo '{line}' > control/tlsclients")
    typist.type("", SERVER)
    typist.type("On the client", "printf 'To: joe@mail.example\\n\\n' | /var/qmail/bin/qmail-inject")
    typist.type("", "grep '^qmqps .* zippy.example accepted' log")

"""Debian's own ucspi-tcp and daemontools running our services (packages ucspi-tcp and daemontools)."""

from __future__ import annotations

import contextlib
import os
import poplib
import re
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.daemon import LIMIT_S, environment, free_port
from tests.support.neighbours import needs, recipe
from tests.support.processes import kill_all, tree
from tests.support.tcptown import RULES, Place, place
from tests.support.town import Town, town

pytestmark = [pytest.mark.system, needs("tcpserver", "ucspi-tcp")]

H = "test.example"
SERVICES = "Services under Debian's tcpserver and svscan"
BIN = "/usr/bin"
MESSAGE = "Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def made() -> Iterator[Place]:
    with place() as ready:
        yield ready


@pytest.fixture(autouse=True)
def _empty(made: Place) -> None:
    made.empty()


def words(made: Place, *more: str) -> list[str]:
    """Debian's tcpserver on a free port."""
    return [f"{BIN}/tcpserver", "-1", "-R", "-H", "-l", "0", *more, *made.rights(), "127.0.0.1", "0"]


def send(port: int, source: str = "127.0.0.1") -> None:
    """To joe, and to another host, for which one must be allowed to relay."""
    with smtplib.SMTP("127.0.0.1", port, "client.example", LIMIT_S, source_address=(source, 0)) as client:
        client.sendmail("a@far.example", [f"joe@{H}", "z@elsewhere.example"], MESSAGE)


@pytest.mark.parametrize("compiler", ["tcprules", f"{BIN}/tcprules"])
def test_tcpserver_runs_qmail_smtpd_under_rules(made: Place, compiler: str) -> None:
    """The rules may be compiled by either tcprules, and say the same to both."""
    files = (f"{made.top}/rules.cdb", f"{made.top}/rules.tmp")
    text = RULES.replace(":deny", ":allow") + '127.0.0.9:allow\n127.0.0.8:deny\n=far.example:allow,X="y z"\n'
    made.run(compiler, *files, text=text)
    with made.server(*words(made, "-x", files[0]), made.program("qmail-smtpd")) as server:
        send(server.port)
        refused = refused_by(server.port, "127.0.0.9")
        assert list(refused) == ["z@elsewhere.example"] and refused["z@elsewhere.example"][0] == 553
        with server.connect("127.0.0.8") as client:
            assert client.recv(100) == b""
    assert len(made.queued()) == 2
    for checker in ("tcprulescheck", f"{BIN}/tcprulescheck"):
        shown = [made.attempt(checker, files[0], more={"TCPREMOTEIP": ip}).stdout for ip in ("127.0.0.1", "127.0.0.8")]
        assert b"set environment variable RELAYCLIENT=" in shown[0] and b"deny connection" in shown[1]


def refused_by(port: int, source: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port, "client.example", LIMIT_S, source_address=(source, 0)) as client:
        return client.sendmail("a@far.example", [f"joe@{H}", "z@elsewhere.example"], MESSAGE)


@pytest.mark.parametrize("order", [("recordio", "fixcrio"), ("fixcrio", "recordio")])
def test_recordio_and_fixcrio_stand_before_it(made: Place, order: tuple[str, str]) -> None:
    """Chains of their programs and ours."""
    chain = [f"{BIN}/{name}" for name in order]
    with made.server(*words(made), *chain, made.program("qmail-smtpd")) as server:
        answers = server.ask(
            f"HELO c.example\nMAIL FROM:<a@b.example>\nRCPT TO:<joe@{H}>\nDATA\nSubject: bare\n\nx\n.\nQUIT\n".encode()
        )
        server.wait_for(r"\d+ > 221 ")
    assert [line[:3] for line in answers.split(b"\r\n")] == [
        b"220",
        b"250",
        b"250",
        b"250",
        b"354",
        b"250",
        b"221",
        b"",
    ]
    assert len(made.queued()) == 1


def test_rblsmtpd_stands_before_it(made: Place) -> None:
    """A rule's RBLSMTPD."""
    with made.server(
        *words(made), "/usr/bin/env", "RBLSMTPD=-go away", f"{BIN}/rblsmtpd", made.program("qmail-smtpd")
    ) as server, smtplib.SMTP("127.0.0.1", server.port, "client.example", LIMIT_S) as client:  # fmt: skip
        client.ehlo_or_helo_if_needed()
        client.mail("a@far.example")
        assert client.rcpt(f"joe@{H}") == (553, b"go away")


def test_pop3_is_served(made: Place) -> None:
    """qmail-popup, a checkpassword, qmail-pop3d."""
    made.run("qmtwist", "passwd", "--home", made.path, "--stdin", "joe", text="joe-password\n")
    path = made.file("joe", "Maildir/new/1000.a", "Subject: hello\n\nbody\n")
    os.utime(path, (1000, 1000))
    chain = [made.program(name) for name in ("qmtwist-checkpassword", "qmail-pop3d")]
    command = [f"{BIN}/tcpserver", "-1", "-R", "-H", "-l", "0", "127.0.0.1", "0", made.program("qmail-popup")]
    with made.server(*command, "pop.example", *chain, "Maildir") as server:
        client = poplib.POP3("127.0.0.1", server.port, timeout=LIMIT_S)
        client.user("joe")
        client.pass_("joe-password")
        assert client.stat()[0] == 1 and b"body" in client.retr(1)[1]
        client.quit()


@pytest.mark.parametrize("service", ["qmtpd", "qmqpd"])
def test_qmtp_and_qmqp_are_served(made: Place, service: str) -> None:
    """Netstrings in and out."""
    recipient = b"joe@" + H.encode()
    if service == "qmtpd":
        sent = netstring(b"\nSubject: n\n\nx\n") + netstring(b"a@b.example") + netstring(netstring(recipient))
    else:
        sent = netstring(netstring(b"Subject: n\n\nx\n") + netstring(b"a@b.example") + netstring(recipient))
    with made.server(*words(made), made.program(f"qmail-{service}")) as server:
        answer = server.ask(sent)
    assert re.match(rb"\d+:Kok ", answer), answer
    assert len(made.queued()) == 1


def netstring(data: bytes) -> bytes:
    return b"%d:%b," % (len(data), data)


def test_our_tcpclient_and_theirs_talk_to_our_server(made: Place) -> None:
    """mconnect of Debian's package."""
    with made.server(*words(made), made.program("qmail-smtpd")) as server:
        for program in (f"{BIN}/mconnect", "mconnect"):
            ended = made.attempt(program, "127.0.0.1", str(server.port), text="HELO c.example\nQUIT\n")
            assert ended.stdout.startswith(b"220 ") and b"\n221 " in ended.stdout.replace(b"\r", b""), ended


# -- svscan


def until(is_so: Callable[[], object], why: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)


def greets(port: int, greeting: bytes = b"220 ") -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as client:
        client.settimeout(LIMIT_S)
        return client.recv(4) == greeting
    return False


class Scanned:
    """A directory of services under Debian's svscan."""

    def __init__(self, made: Town, services: dict[str, str]) -> None:
        self.made = made
        self.path = f"{made.top}/service"
        for name, run in services.items():
            os.makedirs(f"{self.path}/{name}/log/main")
            for part, text in (("run", run), ("log/run", recipe(SERVICES, "sh", 2))):
                with open(f"{self.path}/{name}/{part}", "w", encoding="utf-8") as stream:
                    stream.write(text.replace("/var/qmail", made.path))
                os.chmod(f"{self.path}/{name}/{part}", 0o755)
        nothing = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [f"{BIN}/svscan", self.path], stdin=nothing, stdout=nothing, stderr=nothing,
            env=environment(), preexec_fn=made.before_exec(), cwd="/", start_new_session=True,
        )  # fmt: skip

    def svc(self, option: str, name: str) -> None:
        subprocess.run([f"{BIN}/svc", option, f"{self.path}/{name}"], check=True)

    def stat(self, name: str) -> str:
        return subprocess.run([f"{BIN}/svstat", f"{self.path}/{name}"], capture_output=True, text=True).stdout

    def log(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError), open(f"{self.path}/{name}/log/main/current") as stream:
            return stream.read()
        return ""

    def close(self) -> None:
        kill_all(list(tree(self._process.pid)))
        self._process.wait(LIMIT_S)


@contextlib.contextmanager
def scanned(made: Town, services: dict[str, str]) -> Iterator[Scanned]:
    running = Scanned(made, services)
    try:
        yield running
    finally:
        running.close()


@needs("svscan", "daemontools")
def test_svscan_runs_qmail_smtpd(made: Place) -> None:
    """The `run` of the page, with its own log; `svc -d` ends it, `svc -u` starts it again."""
    port = free_port()
    run = recipe(SERVICES, "sh").replace(" 2525 ", f" {port} ")
    with scanned(made, {"smtpd": run}) as service:
        until(lambda: greets(port), lambda: service.stat("smtpd") + service.log("smtpd"))
        send(port)
        until(lambda: " status 0" in service.log("smtpd"), lambda: service.log("smtpd"))
        assert re.search(r"^@[0-9a-f]{24} tcpserver: ok \d+ ", service.log("smtpd"), re.M)
        service.svc("-d", "smtpd")
        until(lambda: ": down " in service.stat("smtpd"), lambda: service.stat("smtpd"))
        assert not greets(port)
        service.svc("-u", "smtpd")
        until(lambda: greets(port), lambda: service.stat("smtpd") + service.log("smtpd"))
    assert len(made.queued()) == 1


@needs("svscan", "daemontools")
def test_svscan_runs_the_server_itself() -> None:
    """`svc -d` lets it finish, a crash starts it again, and not a line of its log is lost."""
    with town("joe") as here, scanned(here, {"qmail": recipe(SERVICES, "sh", 1)}) as service:
        log = lambda: service.log("qmail")  # noqa: E731
        until(lambda: "status: local 0/" in log(), lambda: service.stat("qmail") + log())
        queue(here, "one")
        until(lambda: has(here, "one"), log)
        pid = int(re.findall(r"\(pid (\d+)\)", service.stat("qmail"))[0])
        kill_all(list(tree(pid)))
        until(lambda: log().count("status: local 0/") >= 2 and str(pid) not in service.stat("qmail"), log)
        queue(here, "two")
        until(lambda: has(here, "two"), log)
        service.svc("-d", "qmail")
        until(lambda: ": down " in service.stat("qmail"), lambda: service.stat("qmail") + log())
        until(lambda: "status: exiting" in log().splitlines()[-1], log)
        assert all(re.match(r"@[0-9a-f]{24} ", line) for line in log().splitlines())


def has(here: Town, subject: str) -> bool:
    """Whether joe has got it; one that came just before a crash may come twice."""
    return any(f"\nSubject: {subject}\n".encode() in text for text in here.messages("joe"))


def queue(here: Town, subject: str) -> None:
    ended = here.attempt("qmail-inject", f"joe@{H}", text=f"Subject: {subject}\n\nbody\n")
    assert ended.returncode == 0, ended

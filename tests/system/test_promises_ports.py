"""Services on the ports that the world knows: inetd and tcpd in front of them, IDENT, and a dial-up host's mail.

In a network of its own, where the ports are free and 192.0.2.x answers, and with qmail's accounts.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import privately
from tests.support.daemon import TOP, environment, running
from tests.support.network import private_network
from tests.support.package_service import package
from tests.support.peers import Peer
from tests.support.qmtp_peer import QmtpPeer
from tests.support.tcpservers import LIMIT_S
from tests.support.tcptown import Place, place
from tests.support.town import Office

pytestmark = [pytest.mark.system, pytest.mark.root]

INETD, TCPD = "/usr/sbin/inetd", "/usr/sbin/tcpd"
PAGES = ("tcpserver-and-friends", "qmtp")


@pytest.fixture(scope="module")
def town() -> Iterator[Place]:
    with private_network(), place() as made:
        if not made.is_real:
            pytest.skip("no private name spaces here")
        made.write("control/nameservers", "127.0.0.1:1\n")
        yield made


@pytest.fixture(autouse=True)
def _empty(town: Place) -> None:
    town.empty()


def printed(town: Place, service: str, *, with_tcpd: bool = False) -> str:
    """The line for inetd that the pages print for a service."""
    lines = []
    for page in PAGES:
        with open(f"{TOP}/docs/howto/{page}.md", encoding="utf-8") as stream:
            lines += re.findall(rf"^{service} stream tcp nowait .*$", stream.read(), re.M)
    (line,) = [line for line in lines if (TCPD in line) == with_tcpd]
    return str(line).replace("/var/qmail", town.path)


@contextlib.contextmanager
def inetd(town: Place, line: str, port: int, hosts_allow: str = "") -> Iterator[None]:
    """The real inetd with this line, which has `hosts_allow` for /etc/hosts.allow; until the service answers."""
    if not os.path.exists(INETD):
        pytest.skip("needs inetd (Debian's openbsd-inetd)")
    town.write("inetd.conf", line + "\n")
    town.write("hosts.allow", hosts_allow)
    enter = town.before_exec()

    def begin() -> None:
        enter()
        if os.path.exists("/etc/hosts.allow"):
            privately.bind(f"{town.path}/hosts.allow", "/etc/hosts.allow")

    process = subprocess.Popen(
        [INETD, "-i", f"{town.path}/inetd.conf"], stdin=subprocess.DEVNULL, env=environment(), cwd="/",
        preexec_fn=begin, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), LIMIT_S):
                break
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)


def client(source: str) -> smtplib.SMTP:
    """An SMTP client with this address."""
    return smtplib.SMTP("127.0.0.1", 25, "client.example", LIMIT_S, source_address=(source, 0))


def test_inetd_starts_qmail_smtpd_by_the_line_of_the_page(town: Place) -> None:
    """S073, S188, S214: FAQ 5.1 with inetd in place of tcpserver."""
    with inetd(town, printed(town, "smtp"), 25), client("127.0.0.9") as session:
        session.sendmail("a@far.example", ["joe@test.example"], "Subject: by inetd\r\n\r\n")
    (message,) = town.queued()
    assert "\nReceived: from softdnserror (HELO client.example) (127.0.0.9)\n" in "\n" + message
    assert "\nSubject: by inetd\n" in message


def test_inetd_starts_qmail_qmtpd_by_the_line_of_the_page(town: Place) -> None:
    """S214, S227, S228: FAQ 5.2; each recipient has an answer of its own."""
    with (
        inetd(town, printed(town, "qmtp"), 209),
        socket.create_connection(("127.0.0.1", 209), LIMIT_S, ("127.0.0.9", 0)) as connection,
    ):
        connection.sendall(package(b"joe@test.example", b"z@elsewhere.example"))
        connection.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: connection.recv(4096), b""))
    assert re.fullmatch(rb"\d+:Kok \d+ qp \d+,66:Dsorry, that domain isn't in my list of .*,", said), said
    (message,) = town.queued()
    assert "(127.0.0.9)\n  by " in message and " with QMTP; " in message


@pytest.mark.skipif(not os.path.exists(TCPD), reason="needs tcpd")
def test_a_line_in_hosts_allow_lets_its_clients_relay(town: Place) -> None:
    """S199: FAQ 5.4 with tcp-wrappers; both lines are those of the page, with addresses that are here."""
    with open(f"{TOP}/docs/howto/tcpserver-and-friends.md", encoding="utf-8") as stream:
        (allowing,) = re.findall(r"^tcp-env: 1\.2\.3\.4, 1\.2\.3\.5: .*$", stream.read(), re.M)
    allowing = allowing.replace("1.2.3.4", "127.0.0.4").replace("1.2.3.5", "127.0.0.5")
    with inetd(town, printed(town, "smtp", with_tcpd=True), 25, f"{allowing}\ntcp-env: 127.0.0.6: deny\n"):
        for source, code in (("127.0.0.4", 250), ("127.0.0.5", 250), ("127.0.0.7", 553)):
            with client(source) as session:
                session.ehlo()
                session.mail("a@far.example")
                assert session.rcpt("z@elsewhere.example")[0] == code, source
                assert session.rcpt("joe@test.example")[0] == 250
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client("127.0.0.6")


# -- IDENT


class IdentServer:
    """Knows who owns each connection from 127.0.0.8: `user`."""

    def __init__(self, user: bytes) -> None:
        self._user = user
        self._listener = socket.create_server(("127.0.0.8", 113))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.asked: list[bytes] = []

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._listener.accept()[0] as asker:
                    question = asker.makefile("rb").readline().strip()
                    self.asked.append(question)
                    asker.sendall(b"%s : USERID : UNIX : %s\r\n" % (question, self._user))

    def __enter__(self) -> IdentServer:
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(LIMIT_S)


def envelope(port: int, source: str, recipient: str) -> tuple[int, bytes]:
    """What is said to a recipient, and then a message to joe is sent."""
    with smtplib.SMTP("127.0.0.1", port, "client.example", LIMIT_S, source_address=(source, 0)) as session:
        session.ehlo()
        session.mail("a@far.example")
        answer = session.rcpt(recipient)
        session.rset()
        session.sendmail("a@far.example", ["joe@test.example"], "Subject: x\r\n\r\n")
        return answer


def test_ident_names_the_user_in_received_and_in_rules(town: Place) -> None:
    """S202, S210, S211: `-r` asks, `-R` does not; a rule for user@address."""
    rules = 'ann@127.0.0.8:allow,RELAYCLIENT=""\n:allow\n'
    town.run("tcprules", f"{town.path}/who.cdb", f"{town.path}/who.tmp", text=rules)
    for option, seen, code in (("-r", "(ann@127.0.0.8)", 250), ("-R", "(127.0.0.8)", 553)):
        town.empty()
        words = ("tcpserver", "-1", option, "-H", "-l", "0", "-x", f"{town.path}/who.cdb", "127.0.0.1", "0")
        with IdentServer(b"ann") as known, town.server(*words, "qmail-smtpd") as server:
            assert envelope(server.port, "127.0.0.8", "z@elsewhere.example")[0] == code
        assert [asked.endswith(b", %d" % server.port) for asked in known.asked] == ([True] if code == 250 else [])
        (message,) = town.queued()
        assert f"(HELO client.example) {seen}\n" in message


# -- serialmail


@pytest.fixture
def pppdir(town: Place) -> Iterator[str]:
    """The maildir of alias into which all mail for other hosts goes, with two messages; the daemon has stopped."""
    maildir = f"{town.path}/alias/pppdir"
    town.write("control/virtualdomains", ":alias-ppp\n")
    town.alias("ppp-default", "./pppdir/\n")
    alias = privately.MAIL_UIDS["alias"]
    os.chown(f"{town.path}/alias", *alias)
    town.run("setuidgid", "alias", town.program("maildirmake"), maildir)
    office = Office(town)
    with running(office):
        for name in ("bob", "eve"):
            office.queue(f"{name}@away.example", message=b"Subject: for %s\n\nbody\n" % name.encode())
            assert "success: did_1+0+0" in office.report(f"alias-ppp-{name}@away.example")
    for name in os.listdir(f"{maildir}/new"):
        when = os.stat(f"{maildir}/new/{name}").st_mtime_ns - 60_000_000_000
        os.utime(f"{maildir}/new/{name}", ns=(when, when))  # what has come in this very second is left for later
    yield maildir
    os.unlink(f"{town.path}/control/virtualdomains")
    shutil.rmtree(maildir)


def dial_up(town: Place, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What alias types in its home when the line is up; the words are those of the page."""
    with open(f"{TOP}/docs/howto/autoturn.md", encoding="utf-8") as stream:
        text = stream.read()
    command = " ".join(words)
    assert command in text
    command = command.replace("mail.provider.example", "192.0.2.9")
    script = f"cd {town.path}/alias && PATH={town.path}/bin:$PATH && exec setuidgid alias {command}"
    return town.attempt("/bin/sh", "-c", script)


def test_mail_of_a_dial_up_host_goes_to_its_provider_by_smtp(town: Place, pppdir: str) -> None:
    """S292: FAQ 2.4, maildirsmtp; what is refused for now stays."""
    command = ("maildirsmtp", "pppdir", "alias-ppp-", "mail.provider.example", "me.example")
    with Peer("192.0.2.9", 25) as provider:
        provider.verdicts = {b"eve@away.example": b"451 later\r\n"}
        ended = dial_up(town, *command)
        assert provider.recipients() == [b"bob@away.example"], ended
        assert len(os.listdir(f"{pppdir}/new")) == 1, ended
        provider.verdicts = {}
        ended = dial_up(town, *command)
        assert ended.returncode == 0, ended
        assert provider.recipients() == [b"bob@away.example", b"eve@away.example"], ended
        assert os.listdir(f"{pppdir}/new") == []
    first, second = provider.messages
    assert first.sender.startswith(b"<s@far.example>") and first.greeted == b"EHLO me.example"
    assert b"\r\nSubject: for bob\r\n" in first.body and b"\r\nSubject: for eve\r\n" in second.body


def test_mail_of_a_dial_up_host_goes_to_its_provider_by_qmtp(town: Place, pppdir: str) -> None:
    """S293: maildirqmtp; what is refused for good is bounced."""
    with QmtpPeer("192.0.2.9", 209) as provider:
        provider.verdicts = {b"eve@away.example": b"Dno such user"}
        ended = dial_up(town, "maildirqmtp", "pppdir", "alias-ppp-", "mail.provider.example")
        assert ended.returncode == 0, ended
    assert [message.recipients for message in provider.messages] == [(b"bob@away.example",), (b"eve@away.example",)]
    assert os.listdir(f"{pppdir}/new") == []
    (bounce,) = town.queued()
    assert "no such user" in bounce

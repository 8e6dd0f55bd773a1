"""Servers started as the documents print it: tcpserver, inetd with tcp-env, recordio, fixcrio, softlimit."""

from __future__ import annotations

import os
import poplib
import re
import smtplib
import socket
import subprocess
from collections.abc import Iterator

import pytest

from qmtwist.cli.supervise.softlimit import NEEDED_BYTES
from tests.support.daemon import environment
from tests.support.tcpservers import LIMIT_S, TcpServer
from tests.support.tcptown import Place, place

pytestmark = pytest.mark.system

MESSAGE = "Subject: hello\r\n\r\nbody\r\n"
# The run script of "Life with qmail", with our directories and a port of ours instead of `smtp`.
LIFE_WITH_QMAIL = """#!/bin/sh
PATH={home}/bin:$PATH
QMAILDUID={uid}
NOFILESGID={gid}
MAXSMTPD=`cat {home}/control/concurrencyincoming`
LOCAL=`head -1 {home}/control/me`
if [ -z "$QMAILDUID" -o -z "$NOFILESGID" -o -z "$MAXSMTPD" -o -z "$LOCAL" ]; then
    echo QMAILDUID, NOFILESGID, MAXSMTPD, or LOCAL is unset in
    exit 1
fi
exec {home}/bin/softlimit -m {memory} \\
    {home}/bin/tcpserver -1 -v -R -l "$LOCAL" -x {home}/tcp.smtp.cdb -c "$MAXSMTPD" \\
        {rights} 127.0.0.1 0 {home}/bin/qmail-smtpd
"""


@pytest.fixture(scope="module")
def town() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture(autouse=True)
def _empty(town: Place) -> None:
    town.empty()


def test_the_run_script_of_life_with_qmail_works_as_printed(town: Place) -> None:
    """S072."""
    town.write("run.smtpd", life_with_qmail(town, NEEDED_BYTES))
    with TcpServer(["/bin/sh", f"{town.path}/run.smtpd"], environment(), town.before_exec()) as server:
        with smtplib.SMTP("127.0.0.1", server.port, "client.example", LIMIT_S) as client:
            client.sendmail("a@far.example", ["joe@test.example", "z@elsewhere.example"], MESSAGE)
        server.wait_for(r"end \d+ status 0\ntcpserver: status: 0/20")
    pid = re.search(r"pid (\d+)", server.log)
    assert pid is not None
    assert server.log.startswith("tcpserver: status: 0/20\ntcpserver: status: 1/20\n")
    assert re.search(rf"ok {pid[1]} test.example:127.0.0.1:{server.port} :127.0.0.1::\d+\n", server.log)
    (message,) = town.queued()
    assert "Received: from unknown (HELO client.example) (127.0.0.1)\n  by test.example with" in message


def life_with_qmail(town: Place, memory: int) -> str:
    return LIFE_WITH_QMAIL.format(home=town.path, uid=1002, gid=1001, memory=memory, rights=" ".join(town.rights()))


def test_the_memory_that_was_enough_in_1998_is_complained_about(town: Place) -> None:
    town.write("run.smtpd", life_with_qmail(town, 2_000_000))
    ended = town.attempt("/bin/sh", f"{town.path}/run.smtpd")
    assert ended.returncode != 0
    warning = f"softlimit: warning: 2000000 bytes of memory may be too few for {town.path}/bin/tcpserver: give it "
    assert ended.stderr.startswith(warning.encode() + b"%d\n" % NEEDED_BYTES)


def test_a_large_message_passes_within_the_memory_that_softlimit_recommends(town: Place) -> None:
    """S077."""
    town.write("run.smtpd", life_with_qmail(town, NEEDED_BYTES))
    text = "Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 1_000_000
    with (
        TcpServer(["/bin/sh", f"{town.path}/run.smtpd"], environment(), town.before_exec()) as server,
        smtplib.SMTP("127.0.0.1", server.port, "client.example", LIMIT_S) as client,
    ):
        client.sendmail("a@far.example", ["joe@test.example"], text)
    assert [len(message) > 71_000_000 for message in town.queued()] == [True]


def test_pop3_is_served_as_the_faq_says(town: Place) -> None:
    town.run("qmtwist", "passwd", "--home", town.path, "--stdin", "joe", text="joe-password\n")
    words = ["qmail-popup", "pop.example", "qmtwist-checkpassword", "qmail-pop3d", "Maildir"]
    path = town.file("joe", "Maildir/new/1000.a", "Subject: hello\n\nbody\n")
    os.utime(path, (1000, 1000))
    chain = [town.program(word) if word.startswith("qm") else word for word in words]
    with town.server("tcpserver", "-1", "-R", "-H", "-l", "0", "127.0.0.1", "0", *chain) as server:
        client = poplib.POP3("127.0.0.1", server.port, timeout=LIMIT_S)
        client.user("joe")
        client.pass_("joe-password")
        assert client.stat()[0] == 1
        client.quit()


def inetd(town: Place, command: list[str], sent: bytes) -> tuple[bytes, bytes]:
    """What a server answers that is started with a connection as descriptors 0, 1 and 2, and what it logs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), LIMIT_S)
        accepted, _ = listener.accept()
    with client, accepted:
        process = subprocess.Popen(
            command, stdin=accepted, stdout=accepted, stderr=subprocess.PIPE, env={"PATH": "/usr/bin:/bin"},
            preexec_fn=town.before_exec(), cwd="/",
        )  # fmt: skip
        accepted.close()
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answers = b""
        while data := client.recv(65536):
            answers += data
        return answers, process.communicate(timeout=LIMIT_S)[1]


def test_inetd_starts_a_server_through_tcp_env(town: Place) -> None:
    town.write("control/nameservers", "127.0.0.1:1\n")
    command = [town.program("tcp-env"), "-R", town.program("qmail-smtpd")]
    sent = b"HELO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<joe@test.example>\r\nDATA\r\nx: y\r\n.\r\nQUIT\r\n"
    answers, _ = inetd(town, command, sent)
    assert b"\r\n354 " in answers
    (message,) = town.queued()
    assert re.search(r"Received: from softdnserror \(HELO c.example\) \(127.0.0.1\)\n", message)


def test_inetd_starts_qmtpd_through_tcp_env(town: Place) -> None:
    message = b"\nSubject: x\n\nbody\n"
    package = b"%d:%s,%d:%s,%d:%s," % (len(message), message, 9, b"a@b.examp", 20, b"16:joe@test.example,")
    command = [town.program("tcp-env"), "-R", town.program("qmail-qmtpd")]
    answers, _ = inetd(town, command, package)
    assert re.match(rb"\d+:Kok \d+ qp \d+,", answers), answers


@pytest.mark.parametrize("order", [("tcpserver", "recordio"), ("inetd", "recordio")])
def test_recordio_shows_a_session(town: Place, order: tuple[str, str]) -> None:
    """S206."""
    command = [town.program("recordio"), town.program("qmail-smtpd")]
    sent = b"HELO c.example\r\nQUIT\r\n"
    if order[0] == "inetd":
        answers, log = inetd(town, command, sent)
    else:
        with town.server("tcpserver", "-1", "-v", "-R", "-H", "-l", "0", "127.0.0.1", "0", *command) as server:
            answers = server.ask(sent)
            server.wait_for(r"> \[EOF\]")
            server.wait_for(r"^tcpserver: end ")
        log = server.log.encode("latin-1")
    assert answers.endswith(b"221 test.example\r\n")
    lines = [line for line in log.split(b"\n") if re.match(rb"\d+ [<>]", line)]
    pid = int(lines[0].split()[0])
    assert {int(line.split()[0]) for line in lines} == {pid}
    assert b"%d > 221 test.example\r " % pid in lines
    assert b"%d < HELO c.example\r " % pid in lines
    if order[0] == "tcpserver":
        assert b"tcpserver: ok %d " % pid in log and b"tcpserver: end %d status " % pid in log


def test_fixcrio_helps_a_client_that_sends_bare_lfs(town: Place) -> None:
    """S216."""
    sent = b"HELO c.example\nMAIL FROM:<a@b.example>\nRCPT TO:<joe@test.example>\nDATA\nx: y\n\nbody\n.\nQUIT\n"
    with town.server("tcpserver", "-1", "-R", "-H", "-l", "0", "127.0.0.1", "0", "fixcrio", "qmail-smtpd") as server:
        assert server.ask(sent).endswith(b"221 test.example\r\n")
    (message,) = town.queued()
    assert message.endswith("x: y\n\nbody\n")


def test_a_rule_denies_and_a_new_rule_counts_at_once(town: Place) -> None:
    def rules(text: str) -> None:
        town.run("tcprules", f"{town.path}/other.cdb", f"{town.path}/other.tmp", text=text)

    rules("127.:deny\n")
    options = ["-1", "-R", "-H", "-l", "0", "-x", f"{town.path}/other.cdb"]
    with town.server("tcpserver", *options, "127.0.0.1", "0", "qmail-smtpd") as server:
        assert server.ask(b"QUIT\r\n") == b""
        rules(':allow,RELAYCLIENT=""\n')
        sent = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@elsewhere.example>\r\nQUIT\r\n"
        assert b"\r\n250 ok\r\n221" in server.ask(sent)


def test_mconnect_talks_to_a_server(town: Place) -> None:
    with town.server("tcpserver", "-1", "-R", "-H", "-l", "0", "127.0.0.1", "0", "qmail-smtpd") as server:
        ended = town.attempt("mconnect", "127.0.0.1", str(server.port), text="HELO c.example\nQUIT\n")
    assert ended.stdout.startswith(b"220 test.example ESMTP\n250") and ended.stdout.endswith(b"221 test.example\n")
    assert b"\r" not in ended.stdout


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("way", [("-u", "54321", "-g", "54322"), ("-U",)])
def test_rights_are_dropped_after_binding(town: Place, way: tuple[str, ...]) -> None:
    command = [town.program("tcpserver"), "-1", "-RHl0", *way, "127.0.0.1", "0", "sh", "-c", "id -u; id -g; id -G"]
    with TcpServer(command, {**environment(), "UID": "54321", "GID": "54322"}) as server:
        assert server.ask() == b"54321\n54322\n54322\n"

"""Content filters at SMTP time, as docs/howto/neighbours.md has them: in the place of qmail-queue, by a rule."""

from __future__ import annotations

import contextlib
import os
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.daemon import running
from tests.support.neighbours import needs, recipe, script, sections
from tests.support.processes import kill_all
from tests.support.tcpservers import LIMIT_S
from tests.support.tcptown import Place, place
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
VIRUSES, MARKING = "Refuse viruses", "Mark spam at SMTP"
EVIL = "own-test-virus-of-this-server"
REFUSED = (554, b"this message carries a virus (#5.7.1)")
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n"
# What answers as clamdscan does, and looks for one string.
LIGHT = f"""#!/bin/sh
for file; do :; done
[ ! -e /var/qmail/scanner-is-away ] || exit 2
grep -q {EVIL} "$file" && {{ echo "$file: Own.Test FOUND"; exit 1; }}
exit 0
"""


def rule(made: Town, filter_text: str) -> None:
    """127.0.0.3 is filtered."""
    path = script(made, "filter-queue", filter_text)
    scratch = f"{made.top}/scratch"
    os.mkdir(scratch)
    os.chmod(scratch, 0o1777)
    made.write("control/tcprules", f'127.0.0.3:allow,QMAILQUEUE="{path}",TMPDIR="{scratch}"\n:allow\n')


def with_light_scanner(made: Town) -> None:
    """The recipe as it is, with a small program for ClamAV's."""
    rule(made, recipe(VIRUSES, "sh").replace("clamdscan", script(made, "light", LIGHT)))


@contextlib.contextmanager
def filtered(prepare: Callable[[Town], None]) -> Iterator[Office]:
    with town("joe", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def light() -> Iterator[Office]:
    with filtered(with_light_scanner) as daemon:
        yield daemon


@pytest.fixture
def office(light: Office) -> Office:
    light.town.forget("joe")
    return light


def send(office: Office, body: str, source: str = "127.0.0.3") -> tuple[int, bytes]:
    """The answer to a message."""
    with smtplib.SMTP(
        "127.0.0.1", office.smtp_port, local_hostname="c.example", timeout=60, source_address=(source, 0)
    ) as client:
        client.mail("s@far.example")
        client.rcpt(f"joe@{H}")
        return client.data(f"From: s@far.example\r\nTo: joe@{H}\r\nSubject: x\r\n\r\n{body}")


def test_the_rule_of_the_page_is_understood(office: Office) -> None:
    name = recipe(VIRUSES, "text").partition('"')[2].partition('"')[0]
    assert f"in `{name}`" in sections()["Refuse viruses at SMTP"]
    ended = office.town.attempt(
        *("tcprules", f"{office.town.top}/t.cdb", f"{office.town.top}/t.tmp"), text=recipe(VIRUSES, "text")
    )
    assert ended.returncode == 0, ended


def test_a_virus_is_refused_while_the_client_waits(office: Office) -> None:
    """S301: 554 at SMTP, the filter's own text; nothing is queued, nobody gets a bounce."""
    since = office.mark()
    assert send(office, f"a {EVIL} here") == REFUSED
    code, text = send(office, "no harm in this\r\n.\r\n..\r\n")
    assert code == 250, text
    (message,) = office.wait_for_messages("joe", 1)
    assert message.endswith(b"\n\nno harm in this\n.\n..\n")
    assert not [line for line in office.log[since:] if "bounce" in line]
    assert os.listdir(f"{office.town.top}/scratch") == []


def test_others_are_not_filtered(office: Office) -> None:
    """Only those whom the rule names."""
    assert send(office, EVIL, source="127.0.0.4")[0] == 250
    office.wait_for_messages("joe", 1)


def test_without_the_scanner_mail_is_asked_to_come_again(office: Office) -> None:
    """S301: it does not pass unseen, and is not lost."""
    office.town.write("scanner-is-away", "")
    try:
        assert send(office, "good")[0] == 451
    finally:
        os.unlink(f"{office.town.path}/scanner-is-away")
    assert send(office, "good")[0] == 250
    assert len(office.wait_for_messages("joe", 1)) == 1


def test_a_client_that_hangs_up_leaves_nothing(office: Office) -> None:
    """The filter gets the end of a message without an envelope."""
    with smtplib.SMTP(
        "127.0.0.1", office.smtp_port, local_hostname="c.example", timeout=60, source_address=("127.0.0.3", 0)
    ) as client:
        client.mail("s@far.example")
        client.rcpt(f"joe@{H}")
        assert client.docmd("DATA")[0] == 354
        client.send("Subject: cut\r\n\r\nhalf a mess")
        client.close()
    assert send(office, "whole\r\n")[0] == 250
    assert [message[-6:] for message in office.wait_for_messages("joe", 1)] == [b"whole\n"]


def test_many_at_once_are_each_judged_for_themselves(office: Office) -> None:
    clients = [
        smtplib.SMTP("127.0.0.1", office.smtp_port, "c.example", 60, source_address=("127.0.0.3", 0)) for _ in range(8)
    ]
    for client in clients:
        client.mail("s@far.example")
        client.rcpt(f"joe@{H}")
        assert client.docmd("DATA")[0] == 354
    for number, client in enumerate(clients):
        client.send(f"Subject: {number}\r\n\r\n{EVIL if number % 2 else 'good'}\r\n.\r\n".encode())
    answers = [client.getreply()[0] for client in clients]
    for client in clients:
        client.close()
    assert answers == [250, 554] * 4
    assert len(office.wait_for_messages("joe", 4)) == 4


def test_qmail_smtpd_asks_the_same_filter() -> None:
    """S301: under tcpserver, the classic way, where the rules are a cdb."""
    with place() as made:
        path = script(made, "queue", recipe(VIRUSES, "sh").replace("clamdscan", script(made, "light", LIGHT)))
        rules = f'127.:allow,QMAILQUEUE="{path}"\n'
        made.run("tcprules", f"{made.path}/tcp.smtp.cdb", f"{made.path}/tcp.smtp.tmp", text=rules)
        words = ["-1", "-R", "-H", "-l", "0", "-x", f"{made.path}/tcp.smtp.cdb", *made.rights(), "127.0.0.1", "0"]
        answers = []
        with made.server("tcpserver", *words, "qmail-smtpd") as server:
            for body in (EVIL, "good"):
                with smtplib.SMTP("127.0.0.1", server.port, "c.example", LIMIT_S) as client:
                    client.mail("s@far.example")
                    client.rcpt(f"joe@{H}")
                    answers.append(client.data(f"Subject: x\r\n\r\n{body}\r\n"))
        assert answers[0] == REFUSED and answers[1][0] == 250
        check_queue(made)


def check_queue(made: Place) -> None:
    (message,) = made.queued()
    assert message.endswith("\n\ngood\n")


# -- the real ones


@contextlib.contextmanager
def clamd(made: Town) -> Iterator[str]:
    """A ClamAV daemon that knows one signature; the words for clamdscan to reach it."""
    directory = f"{made.top}/clamav"
    os.mkdir(directory)
    os.chmod(directory, 0o755)
    signature = EVIL.encode().hex()
    settings = f"LocalSocket {directory}/socket\nLocalSocketMode 666\nDatabaseDirectory {directory}\nForeground yes\n"
    with open(f"{directory}/own.ndb", "w", encoding="ascii") as stream:
        stream.write(f"Own.Test:0:*:{signature}\n")
    with open(f"{directory}/clamd.conf", "w", encoding="ascii") as stream:
        stream.write(settings)
    log = open(f"{directory}/log", "w+", encoding="utf-8")
    with log, subprocess.Popen(["/usr/sbin/clamd", "-c", f"{directory}/clamd.conf"], stdout=log, stderr=log) as process:
        try:
            wait_for_socket(f"{directory}/socket", process)
            yield f"clamdscan -c {directory}/clamd.conf"
        finally:
            kill_all([process.pid])


def wait_for_socket(path: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not os.path.exists(path):
        assert process.poll() is None and time.monotonic() < deadline, "clamd does not start"
        time.sleep(0.05)


@pytest.mark.long
@needs("clamd", "clamav-daemon")
@needs("clamdscan", "clamdscan")
def test_clamav_refuses_a_virus() -> None:
    """S301: clamd and clamdscan, with a signature of our own."""
    with town("joe") as made, clamd(made) as words:
        rule(made, recipe(VIRUSES, "sh").replace("clamdscan", words))
        with running(Office(made)) as office:
            assert send(office, f"a {EVIL} here") == REFUSED
            assert send(office, "good\r\n")[0] == 250
            assert len(office.wait_for_messages("joe", 1)) == 1
            assert [line for line in office.log if line.endswith(" FOUND") and ": Own.Test" in line]


@pytest.mark.long
@needs("clamdscan", "clamdscan")
def test_without_clamd_mail_is_asked_to_come_again() -> None:
    """S301."""
    with town("joe") as made:
        made.write("clamd.conf", f"LocalSocket {made.top}/absent\n")
        rule(made, recipe(VIRUSES, "sh").replace("clamdscan", f"clamdscan -c {made.path}/clamd.conf"))
        with running(Office(made)) as office:
            assert send(office, "good\r\n")[0] == 451


@pytest.mark.long
@needs("spamassassin", "spamassassin")
def test_spamassassin_marks_what_comes_in() -> None:
    with filtered(lambda made: rule(made, recipe(MARKING, "sh"))) as office:
        for body in ("How are you?\r\n", GTUBE.replace("\n", "\r\n")):
            assert send(office, body)[0] == 250
            office.wait_for_messages("joe", 1)
            (message,) = office.town.messages("joe")
            assert (b"\nX-Spam-Flag: YES\n" in message) == (body[:5] == GTUBE[:5])
            assert b"\nX-Spam-Status: " in message
            office.town.forget("joe")


def test_a_marker_that_fails_defers() -> None:
    """The recipe for marking with a light program that fails, and with one that works."""
    text = recipe(MARKING, "sh")
    with filtered(
        lambda made: rule(made, text.replace("spamassassin -L -x", "sed 's/^Subject: /&[marked] /'"))
    ) as office:
        assert send(office, "good\r\n")[0] == 250
        assert b"\nSubject: [marked] x\n" in office.wait_for_messages("joe", 1)[0]
        script(office.town, "filter-queue", text.replace("spamassassin -L -x", "sh -c 'cat; exit 1'"))
        assert send(office, "good\r\n")[0] == 451

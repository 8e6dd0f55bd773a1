"""mess822 as the documents promise it: its programs on messages, new-inject, and ofmipd in both of its forms."""

from __future__ import annotations

import email
import os
import re
import shutil
import smtplib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import environment, free_port, running
from tests.support.tcpservers import TcpServer
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
NAMES = f"# people\njoe@{H}:Joe Shmoe:J.Shmoe@sun.example:\nbad line\n"
MESSAGE = b"""Received: from a.example by b.example; 3 Jan 2000 10:00:05 -0000
Received: (qmail 123 invoked by uid 1000); 3 Jan 2000 10:00:00 -0000
Date: Mon, 3 Jan 2000 02:00:00 PST
From: Joe Shmoe <joe@a.example>
To: ann, "Tom" <tom@b.example>,
  bob@c.example
Subject: hello

body: x
"""


class Postmaster(Office):
    """The daemon with the service for mail readers."""

    def __init__(self, made: Town) -> None:
        self.port = free_port()
        super().__init__(made, f"--listen=ofmip=tcp:{self.port}:interface=127.0.0.1")


def open_to_readers(made: Town) -> None:
    made.write("control/tcprules.ofmip", "127.0.0.1:allow\n")
    path = f"{made.path}/control/ofmipname"
    made.run("ofmipname", f"{path}.cdb", f"{path}.tmp", text=NAMES)


@pytest.fixture(scope="module")
def office() -> Iterator[Postmaster]:
    with town("joe", "ann", "tom", prepare=open_to_readers) as made, running(Postmaster(made)) as daemon:
        yield daemon


@pytest.fixture
def made(office: Postmaster) -> Town:
    for user in office.town.users:
        office.town.forget(user)
    return office.town


# -- S295


def test_the_header_of_a_message_is_printed(made: Town) -> None:
    """S295: 822header."""
    assert made.run("822header", text=MESSAGE).encode() == MESSAGE.partition(b"\n\n")[0] + b"\n"


def test_a_field_is_printed_and_its_absence_is_an_exit_status(made: Town) -> None:
    """S295: 822field."""
    assert made.run("822field", "to", text=MESSAGE) == ' ann, "Tom" <tom@b.example>,  bob@c.example\n'
    assert made.run("822field", text=MESSAGE) == " hello\n"
    assert made.attempt("822field", "body", text=MESSAGE).returncode == 100


def test_a_date_is_printed_in_three_ways(made: Town) -> None:
    """S295: 822date."""
    ended = made.attempt("822date", text=MESSAGE, more={"TZ": "UTC-1"})
    assert ended.stdout == b"2000-01-03 02:00:00 -0800\n2000-01-03 10:00:00 +0000\nMon Jan  3 11:00:00 2000\n"
    assert made.attempt("822date", text="Date: soon\n\n").returncode == 100


def test_the_way_of_a_message_is_printed_from_its_start(made: Town) -> None:
    """S295: 822received."""
    lines = made.run("822received", text=MESSAGE).splitlines()
    assert [line[20:24] for line in lines if not line.startswith("\t")] == ["2000", "2000"]
    assert lines[0].endswith("(qmail 123 invoked by uid 1000)") and lines[2].endswith("from a.example ")


def test_a_message_is_shown_for_reading(made: Town) -> None:
    """S295: 822print, as a terminal shows it."""
    shown = re.sub(r".\x08", "", made.run("822print", text=MESSAGE))
    assert shown.startswith("Subject: ") and shown.endswith("\n\nbody: x\n")
    assert re.search(r"^From: Joe Shmoe {30,}joe@a.example$", shown, re.M)
    assert re.search(r"^To: Tom {50,}tom@b.example$", shown, re.M)


# -- S296


def hand_in(port: int, text: str = "To: joe, ann\nBcc: x@y\nSubject: handed in\n\n.dot\n", sender: str = "joe") -> None:
    """As a mail reader does it."""
    with smtplib.SMTP("127.0.0.1", port, local_hostname="reader", timeout=30) as client:
        client.sendmail(sender, ["ann", f"tom@{H}"], text)


def assert_is_in_order(found: bytes, sender: bytes, author: str) -> None:
    """What readers of the message see."""
    message = email.message_from_bytes(found)
    assert message["Return-Path"] == f"<{sender.decode()}>" and message["From"] == author
    assert message["To"] == f"joe@{H}, ann@{H}" and message["Bcc"] is None and message["Date"]
    assert message["Message-ID"].endswith(f".qmail@{H}>") and message.get_payload() == ".dot\n"
    assert "(ofmipd 127.0.0.1)" in message.get_all("Received")[-1]


def test_the_daemon_takes_mail_from_readers(office: Postmaster, made: Town) -> None:
    """S296: in the daemon, with the names of control/ofmipname.cdb."""
    since = office.mark()
    hand_in(office.port)
    for user in ("ann", "tom"):
        assert_is_in_order(
            office.wait_for_messages(user, 1)[0], b"J.Shmoe@sun.example", '"Joe Shmoe" <J.Shmoe@sun.example>'
        )
    line = office.wait_for(lambda line: line.startswith("ofmip ") and " accepted " in line, since)
    assert " from <J.Shmoe@sun.example> for 2, " in line
    hand_in(office.port, sender="ann@laptop")
    assert f"\nFrom: ann@laptop.{H}\n".encode() in b"".join(office.wait_for_messages("ann", 2))


def test_only_those_whom_a_rule_allows_are_let_in(office: Postmaster, made: Town) -> None:
    since = office.mark()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtplib.SMTP("127.0.0.1", office.port, timeout=30, source_address=("127.0.0.9", 0))
    office.wait_for_line("ofmip: 127.0.0.9 turned away: no rule of control/tcprules.ofmip allows it", since)


def test_rules_of_the_postmaster_count_for_the_next_connection(office: Postmaster, made: Town) -> None:
    """S297: and without a signal."""
    since = office.mark()
    made.write("control/rewrite", f"=laptop:{H}\n=:{H}\n")
    try:
        _wait_until_reread(office, since)
        hand_in(office.port, sender="ann@laptop")
        assert f"\nFrom: ann@{H}\n".encode() in office.wait_for_messages("ann", 1)[0]
    finally:
        os.unlink(f"{made.path}/control/rewrite")


def _wait_until_reread(office: Postmaster, since: int) -> None:
    """The daemon looks at its files when somebody connects, once a second."""
    deadline = time.monotonic() + 30
    while not any("control/rewrite: " in line for line in office.log[since:]):
        assert time.monotonic() < deadline
        smtplib.SMTP("127.0.0.1", office.port, timeout=30).quit()
        time.sleep(0.1)


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_hands_in_a_message(office: Postmaster, made: Town) -> None:
    """S296."""
    words = ["--server", f"127.0.0.1:{office.port}", "--from", "joe", "--to", f"ann@{H}", "--helo", "reader"]
    data = "From: somebody else\\nTo: ann\\nSubject: by swaks\\n\\n.one\\n"
    ended = subprocess.run(
        ["swaks", *words, "--data", data], capture_output=True, text=True, timeout=60, env=environment()
    )
    assert ended.returncode == 0, ended.stdout
    found = office.wait_for_messages("ann", 1)[0]
    assert b'\nFrom: "Joe Shmoe" <J.Shmoe@sun.example>\nTo: ann@' + H.encode() in found and found.endswith(
        b"\n\n.one\n\n"
    )


def test_ofmipd_serves_readers_under_tcpserver(office: Postmaster, made: Town) -> None:
    """S296: as mess822 has it."""
    words = (
        "-1",
        "-R",
        "-H",
        "-l",
        "0",
        "127.0.0.1",
        "0",
        made.program("ofmipd"),
        f"{made.path}/control/ofmipname.cdb",
    )
    with TcpServer([made.program("tcpserver"), *words], environment(), made.before_exec()) as server:
        hand_in(server.port)
        found = office.wait_for_messages("ann", 1)[0]
        assert_is_in_order(found, b"J.Shmoe@sun.example", '"Joe Shmoe" <J.Shmoe@sun.example>')
        assert server.ask(b"HELP\nQUIT\n").startswith(b"220 ofmipd.local ESMTP\r\n214 ")


def test_ofmipd_without_its_database_serves_nobody(made: Town) -> None:
    """S296."""
    ended = made.attempt("ofmipd", "/nowhere", text="QUIT\r\n")
    assert (ended.returncode, ended.stdout) == (1, b"451 unable to read configuration (#4.3.0)\r\n")


# -- S297


def test_new_inject_sends_a_message_by_rules_of_the_user(office: Postmaster, made: Town) -> None:
    """S297: QMAILREWRITEFILE."""
    rules = made.file("joe", "rules", f"=home:{H}\n=:{H}\n")
    assert made.run("new-inject", "-n", text="To: a@b.c, d@e.f.\n\n").count("d@e.f\n") == 1
    ended = made.attempt(
        "new-inject",
        text="To: Ann <ann@home>, tom (T)\nCc: grp: joe;\n\nbody\n",
        more={"QMAILREWRITEFILE": rules, "USER": "joe"},
    )
    assert ended.returncode == 0, ended.stderr
    for user in ("ann", "tom", "joe"):
        assert (
            f'\nFrom: joe@{H}\nTo: "Ann" <ann@{H}>, "T" <tom@{H}>\nCc: "grp" <joe@{H}>\n\nbody\n'.encode()
            in office.wait_for_messages(user, 1)[0]
        )


def test_new_inject_takes_lines_that_end_in_cr_lf(office: Postmaster, made: Town) -> None:
    made.run("new-inject", text="To: ann\r\nSubject: s\r\n\r\none\r\ntwo")
    assert office.wait_for_messages("ann", 1)[0].endswith(b"\nSubject: s\n\none\ntwo\n")


def test_new_inject_says_that_nobody_would_get_it(made: Town) -> None:
    ended = made.attempt("new-inject", text="Subject: s\n\n")
    assert ended.returncode == 100 and ended.stderr.startswith(b"new-inject: fatal: no recipients")


@pytest.mark.parametrize(
    "header",
    [
        b"To: " + b"x" * 10_000_000,
        b"To: " + b"(" * 10_000,
        b'To: "' + b"a@b," * 1000,
        b"To: a\0b@c",
        b"To: <>",
        b"X: y\n" * 210_000,
    ],
    ids=["10 MB", "10,000 comments", "no end", "NUL", "empty", "fields"],
)
def test_new_inject_says_what_is_wrong_with_a_hostile_header(made: Town, header: bytes) -> None:
    ended = made.attempt("new-inject", text=header + b"\n\n")
    assert ended.returncode == 100 and ended.stderr.startswith(b"new-inject: fatal: ") and len(ended.stderr) < 3000


def test_new_inject_sends_to_a_hundred_thousand(made: Town) -> None:
    """Printed only: what is asked here is that it ends."""
    header = b"To: " + b",\n ".join([b"user%d@host.example" % at for at in range(100_000)])
    ended = made.attempt("new-inject", "-n", text=header + b"\n\n")
    assert ended.returncode == 0 and ended.stdout.count(b"user99999@host.example") == 2


def test_what_cannot_be_queued_is_for_later(made: Town) -> None:
    ended = made.attempt("new-inject", text="To: ann\n\n", more={"QMAILQUEUE": "/nowhere"})
    assert ended.returncode == 111 and ended.stderr.startswith(b"new-inject: fatal: unable to exec qq")

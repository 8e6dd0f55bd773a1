"""maildirserial and its clients: real programs, a maildir, and servers on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support import peers
from tests.support.daemon import environment
from tests.support.peers import Peer
from tests.support.qmtp_peer import QmtpPeer

pytestmark = pytest.mark.system

QUEUE = """#!/bin/sh
# a queue program that keeps what it is given
cat > "$KEPT.message"
cat <&1 > "$KEPT.envelope"
"""


class Box:
    """A bare home, and a maildir whose messages are for `auto-...`."""

    def __init__(self, top: str) -> None:
        self.home, self.maildir = f"{top}/home", f"{top}/box"
        os.makedirs(f"{self.home}/control")
        write_launchers(self.home)
        for part in ("tmp", "new", "cur"):
            os.makedirs(f"{self.maildir}/{part}")
        self.kept = f"{top}/kept"
        with open(f"{top}/queue", "w", encoding="ascii") as stream:
            stream.write(QUEUE)
        os.chmod(f"{top}/queue", 0o755)
        self.environment = {**environment(), "KEPT": self.kept, "QMAILQUEUE": f"{top}/queue"}
        self.control("me", "home.example")
        self._age = 1000

    def control(self, name: str, text: str) -> None:
        with open(f"{self.home}/control/{name}", "w", encoding="ascii") as stream:
            stream.write(text + "\n")

    def put(self, name: str, text: bytes, sender: bytes = b"joe@x", to: bytes = b"auto-ann@y", age_s: int = 0) -> None:
        """A message, a little younger than the one before; or so old."""
        path = f"{self.maildir}/new/{name}"
        with open(path, "wb") as stream:
            stream.write(b"Return-Path: <%s>\nDelivered-To: %s\n%s" % (sender, to, text))
        self._age -= 1
        when = time.time() - (age_s or self._age)
        os.utime(path, (when, when))

    def names(self) -> list[str]:
        return sorted(os.listdir(f"{self.maildir}/new"))

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        program = os.path.join(self.home, "bin", name)
        return subprocess.run(
            [program, *words], capture_output=True, text=True, env=self.environment, check=False, timeout=60, cwd="/"
        )

    def by_smtp(self, peer: Peer, *options: str, prefix: str = "auto-") -> subprocess.CompletedProcess[str]:
        client = [f"{self.home}/bin/tcpclient", "-RHl0", "--", peer.address, str(peer.port)]
        sender = [f"{self.home}/bin/serialsmtp", prefix, "me.example"]
        return self.run("maildirserial", *options, "--", self.maildir, prefix, *client, *sender)

    def by_qmtp(self, peer: QmtpPeer, *options: str) -> subprocess.CompletedProcess[str]:
        client = [f"{self.home}/bin/tcpclient", "-RHl0", "--", peer.address, str(peer.port)]
        sender = [f"{self.home}/bin/serialqmtp", "auto-"]
        return self.run("maildirserial", *options, "--", self.maildir, "auto-", *client, *sender)

    def by(self, script: str, *options: str, prefix: str = "auto-") -> subprocess.CompletedProcess[str]:
        """With a client written in Python: `names` are what it was given."""
        head = "import sys; names = sys.stdin.buffer.read().split(b'\\0')[:-1]; out = sys.stdout.buffer\n"
        return self.run(
            "maildirserial", *options, "--", self.maildir, prefix, sys.executable, "-S", "-c", head + script
        )

    def bounce(self) -> tuple[str, bytes]:
        with open(f"{self.kept}.message", encoding="ascii") as message, open(f"{self.kept}.envelope", "rb") as envelope:
            return message.read(), envelope.read()


@pytest.fixture
def box(tmp_path: object) -> Box:
    return Box(str(tmp_path))


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as made:
        yield made


@pytest.fixture
def qmtp() -> Iterator[QmtpPeer]:
    with QmtpPeer() as made:
        yield made


# -- by SMTP


def test_the_oldest_message_goes_first_and_all_go_down_one_connection(box: Box, peer: Peer) -> None:
    box.put("b", b"Subject: 1\n\n.dot\n")
    box.put("a", b"Subject: 2\n\nbody\n", sender=b'"a b"@x', to=b"auto-c d@y")
    ended = box.by_smtp(peer, "-b")
    assert (ended.returncode, box.names(), peer.connections) == (0, [], 1)
    assert [message.body for message in peer.messages] == [
        b"Subject: 1\r\n\r\n.dot\r\n",
        b"Subject: 2\r\n\r\nbody\r\n",
    ]
    assert peer.messages[0].sender.startswith(b"<joe@x>")
    assert peer.messages[1].sender.startswith(b'<"a b"@x>')
    assert peer.recipients() == [b"ann@y", b'"c d"@y']
    assert ended.stderr.splitlines() == [
        "maildirserial: info: new/b succeeded: 127.0.0.1 to: ann@y said: 250 2.0.0 queued as 1",
        "maildirserial: info: new/a succeeded: 127.0.0.1 to: c d@y said: 250 2.0.0 queued as 2",
    ]


def test_the_name_given_is_the_name_in_ehlo_and_a_server_without_ehlo_gets_helo(box: Box, peer: Peer) -> None:
    peer.acts["ehlo"] = peers.reply(b"502 what?\r\n")
    box.put("a", b"\nx\n")
    assert box.by_smtp(peer).returncode == 0
    assert peer.commands[:2] == [b"EHLO me.example", b"HELO me.example"]


def test_what_is_refused_now_stays_and_does_not_hold_up_the_others(box: Box, peer: Peer) -> None:
    peer.verdicts[b"ann@y"] = b"450 4.2.1 not now\r\n"
    box.put("a", b"\nx\n")
    box.put("b", b"\ny\n", to=b"auto-bob@y")
    ended = box.by_smtp(peer, "-b", "-t", "99999999")
    assert (ended.returncode, box.names(), peer.recipients()) == (111, ["a"], [b"bob@y"])
    text = "maildirserial: info: new/a failed temporarily: 127.0.0.1 to: ann@y said: 450 4.2.1 not now"
    assert text in ended.stderr


def test_a_refusal_is_a_bounce_to_the_sender_of_the_return_path(box: Box, peer: Peer) -> None:
    peer.verdicts[b"ann@y"] = b"550 5.1.1 nobody\r\n"
    box.control("bouncefrom", "Daemon")
    box.put("a", b"Subject: s\n\nx\n", sender=b'"jo e"@x')
    ended = box.by_smtp(peer, "-b")
    assert (ended.returncode, box.names()) == (0, [])
    log = ended.stderr.splitlines()
    assert log[0] == "maildirserial: info: new/a bounced: 127.0.0.1 to: ann@y said: 550 5.1.1 nobody"
    assert log[1].startswith("maildirserial: info: returned new/a: qp ")
    message, envelope = box.bounce()
    assert envelope == b"F\0Tjo e@x\0\0"
    assert "From: Daemon@home.example\n" in message and 'To: "jo e"@x\n' in message
    assert "Hi. This is the maildirbounce program at home.example.\n" in message
    assert "\n<ann@y>:\n127.0.0.1 to: ann@y said: 550 5.1.1 nobody\n\n" in message
    assert message.endswith(
        '--- Below this line is a copy of the message.\n\nReturn-Path: <"jo e"@x>\nSubject: s\n\nx\n'
    )


def test_without_b_a_refused_message_stays(box: Box, peer: Peer) -> None:
    peer.verdicts[b"ann@y"] = b"550 5.1.1 nobody\r\n"
    box.put("a", b"\nx\n")
    ended = box.by_smtp(peer)
    assert (ended.returncode, box.names()) == (111, ["a"])
    assert "info: new/a failed: 127.0.0.1 to: ann@y said: 550 5.1.1 nobody\n" in ended.stderr


def test_a_message_without_a_last_line_end_fails_and_the_next_one_goes(box: Box, peer: Peer) -> None:
    box.put("a", b"\nno end")
    box.put("b", b"\ny\n")
    ended = box.by_smtp(peer, "-b")
    assert (ended.returncode, box.names(), len(peer.messages)) == (0, [], 1)
    assert "bounced: SMTP cannot transfer messages with partial final lines" in ended.stderr


def test_a_bad_greeting_three_times_ends_the_run(box: Box, peer: Peer) -> None:
    peer.acts["greeting"] = peers.reply(b"554 go away\r\n")
    box.put("a", b"\nx\n")
    ended = box.by_smtp(peer, "-b")
    assert (ended.returncode, box.names(), peer.connections) == (111, ["a"], 3)
    assert ended.stderr.splitlines() == [
        *["serialsmtp: fatal: connected but greeting failed"] * 3,
        "maildirserial: fatal: making no progress, giving up",
    ]


@pytest.mark.parametrize(
    ("step", "act", "words"),
    [
        ("ehlo", peers.drop, "network read error: end of file"),
        ("ehlo", peers.then_drop(b"nonsense\r\n"), "connected but my name was rejected"),
        ("helo", peers.reply(b"550 who?\r\n"), "connected but my name was rejected"),
        ("dot", peers.drop, "network read error: end of file"),
    ],
)
def test_a_connection_that_is_of_no_use_leaves_the_message(
    box: Box, peer: Peer, step: str, act: peers.Act, words: str
) -> None:
    if step == "helo":
        peer.acts["ehlo"] = peers.reply(b"502 what?\r\n")
    peer.acts[step] = act
    box.put("a", b"\nx\n")
    ended = box.by_smtp(peer)
    assert (ended.returncode, box.names()) == (111, ["a"])
    assert ended.stderr.splitlines()[0] == f"serialsmtp: fatal: {words}"


def test_a_server_that_hangs_up_after_a_message_gets_the_rest_by_another_connection(box: Box, peer: Peer) -> None:
    peer.acts["rset"] = peers.drop
    peer.acts["quit"] = peers.drop
    peer.acts["dot"] = peers.then_drop(b"250 2.0.0 got it\r\n")
    box.put("a", b"\nx\n")
    box.put("b", b"\ny\n")
    ended = box.by_smtp(peer)
    assert (ended.returncode, box.names(), peer.connections) == (0, [], 2)
    assert len(peer.messages) == 2


# -- by QMTP


def test_by_qmtp_addresses_go_raw_and_answers_are_matched_in_order(box: Box, qmtp: QmtpPeer) -> None:
    qmtp.verdicts[b"bob@y"] = b"Dnobody"
    qmtp.verdicts[b"cat@y"] = b"Znot now"
    box.put("1", b"\nno end", sender=b'"a b"@x', to=b"auto-c d@y")
    box.put("2", b"\nx\n", to=b"auto-bob@y")
    box.put("3", b"\nx\n", to=b"auto-cat@y")
    ended = box.by_qmtp(qmtp)
    assert (ended.returncode, box.names(), qmtp.connections) == (111, ["2", "3"], 1)
    first = qmtp.messages[0]
    assert (first.sender, first.recipients, first.body) == (
        b"a b@x",
        (b"c d@y",),
        b"\n\nno end",
    )  # the first LF is QMTP's
    log = ended.stderr.splitlines()
    assert log[0].startswith("maildirserial: info: new/1 succeeded: 127.0.0.1 said: ")
    assert log[1:] == [
        "maildirserial: info: new/2 failed: 127.0.0.1 said: nobody",
        "maildirserial: info: new/3 failed temporarily: 127.0.0.1 said: not now",
    ]


def test_many_and_large_messages_go_by_qmtp_without_waiting_for_each_other(box: Box, qmtp: QmtpPeer) -> None:
    for number in range(50):
        box.put(f"{number:02}", b"\n" + b"%02d\n" % number * (100_000 if number == 7 else 10))
    ended = box.by_qmtp(qmtp)
    assert (ended.returncode, box.names(), qmtp.connections) == (0, [], 1), ended.stderr
    assert [message.body[2:4] for message in qmtp.messages] == [b"%02d" % number for number in range(50)]


def test_nonsense_by_qmtp_is_a_protocol_violation(box: Box, qmtp: QmtpPeer) -> None:
    qmtp.answer = lambda _: b"3:Xno,"
    box.put("1", b"\nx\n")
    ended = box.by_qmtp(qmtp)
    assert (ended.returncode, box.names()) == (111, ["1"])
    assert ended.stderr.splitlines()[0] == "serialqmtp: fatal: remote protocol violation"


# -- maildirserial itself


def test_a_message_that_is_too_old_goes_back_with_the_reason(box: Box) -> None:
    box.put("a", b"\nx\n", age_s=5000)
    ended = box.by("[out.write(name + b'\\0Znot now\\n') for name in names]", "-b", "-t4000")
    assert (ended.returncode, box.names()) == (0, [])
    assert "\n<ann@y>:\nnot now\nThis message is too old. Giving up.\n\n" in box.bounce()[0]


def test_a_bounce_that_fails_goes_to_the_postmaster_and_then_nowhere(box: Box) -> None:
    script = "[out.write(name + b'\\0Dno\\n') for name in names]"
    box.put("a", b"\nx\n", sender=b"")
    assert box.by(script, "-b").returncode == 0
    message, envelope = box.bounce()
    assert envelope == b"F#@[]\0Tpostmaster@home.example\0\0"
    assert "but the bounce bounced!" in message and "--- Below this line is the original bounce.\n" in message
    os.unlink(f"{box.kept}.message")
    box.put("a", b"\nx\n", sender=b"#@[]")
    ended = box.by(script, "-b")
    assert (ended.returncode, box.names()) == (0, [])
    assert "maildirserial: info: discarding new/a: triple bounce\n" in ended.stderr
    assert not os.path.exists(f"{box.kept}.message")


def test_a_bounce_that_cannot_be_queued_leaves_the_message(box: Box) -> None:
    box.put("a", b"\nx\n")
    box.environment["QMAILQUEUE"] = "/bin/false"
    ended = box.by("[out.write(name + b'\\0Dno\\n') for name in names]", "-b")
    assert (ended.returncode, box.names()) == (111, ["a"])
    assert "maildirserial: warning: unable to bounce new/a: qq failed: " in ended.stderr


def test_only_messages_with_the_prefix_are_offered_and_an_empty_prefix_offers_all(box: Box) -> None:
    box.put("a", b"\nx\n", to=b"other-ann@y")
    yes = "[out.write(name + b'\\0Kyes\\n') for name in names]"
    assert (box.by(yes).returncode, box.names()) == (0, ["a"])
    assert (box.by(yes, prefix="").returncode, box.names()) == (0, [])


def test_without_messages_no_client_is_run(box: Box) -> None:
    assert box.run("maildirserial", box.maildir, "auto-", "/nonexistent").returncode == 0


def test_a_client_that_answers_nothing_is_run_three_times(box: Box) -> None:
    box.put("a", b"\nx\n")
    ended = box.by("sys.stderr.write('run\\n')")
    assert (ended.returncode, ended.stderr.count("run\n")) == (111, 3)
    assert ended.stderr.endswith("maildirserial: fatal: making no progress, giving up\n")


@pytest.mark.parametrize(("script", "status", "words"), [
    ("sys.exit(100)", 100, ""),
    ("import os; os.kill(os.getpid(), 9)", 111, "maildirserial: fatal: client crashed\n"),
])  # fmt: skip
def test_the_end_of_the_client_is_the_end_of_the_run(box: Box, script: str, status: int, words: str) -> None:
    box.put("a", b"\nx\n")
    ended = box.by(script)
    assert (ended.returncode, ended.stderr, box.names()) == (status, words, ["a"])


def test_a_client_cannot_remove_what_it_was_not_given(box: Box) -> None:
    box.put("a", b"\nx\n")
    with open(f"{box.maildir}/precious", "wb"):
        pass
    ended = box.by("[out.write(name + b'\\0Kyes\\n') for name in [b'precious', *names, *names]]")
    assert (ended.returncode, box.names(), os.path.exists(f"{box.maildir}/precious")) == (0, [], True)
    assert ended.stderr.count("which it was not asked about") == 2


@pytest.mark.parametrize("words", [(), ("dir",), ("dir", "prefix"), ("-x", "d", "p", "c"), ("-t", "x", "d", "p", "c")])
def test_wrong_arguments_are_usage(box: Box, words: tuple[str, ...]) -> None:
    ended = box.run("maildirserial", *words)
    assert ended.returncode == 100
    assert ended.stderr == "maildirserial: usage: maildirserial [ -b ] [ -t lifetime ] dir prefix client [ arg ... ]\n"


def test_what_cannot_be_entered_or_run_is_temporary(box: Box) -> None:
    ended = box.run("maildirserial", "/nonexistent", "p", "c")
    assert (ended.returncode, ended.stderr) == (
        111,
        "maildirserial: fatal: unable to chdir to /nonexistent: file does not exist\n",
    )
    box.put("a", b"\nx\n")
    ended = box.run("maildirserial", box.maildir, "", "/nonexistent")
    assert (ended.returncode, ended.stderr) == (
        111,
        "maildirserial: fatal: unable to run /nonexistent: file does not exist\n",
    )


def test_the_short_forms_try_port_25_and_209_of_the_host(box: Box) -> None:
    box.put("a", b"\nx\n")
    for name, words in (("maildirsmtp", ["me.example"]), ("maildirqmtp", [])):
        # nobody listens on this address of loopback
        ended = box.run(name, box.maildir, "auto-", "127.99.98.97", *words)
        assert (ended.returncode, box.names()) == (111, ["a"])
        assert "127.99.98.97" in ended.stderr and ended.stderr.endswith("making no progress, giving up\n")
        assert box.run(name).returncode == 100

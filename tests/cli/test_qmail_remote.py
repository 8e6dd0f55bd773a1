"""qmail-remote as a program: its arguments, its records, and what it costs to start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.peers import Peer, then_drop

TOP = str(Path(__file__).parents[2])
RUN = "import sys; sys.path[:0] = [{top!r}]; from qmtwist.cli.launch import run; run('qmail-remote', {home!r})"
ORDER = ("far.example", "s@example.org", "joe@far.example")


def run(home: Path, *words: str, stdin: bytes = b"Subject: x\n\nhello\n") -> tuple[int, bytes, bytes]:
    command = [sys.executable, "-IS", "-c", RUN.format(top=TOP, home=str(home)), *words]
    ended = subprocess.run(command, input=stdin, capture_output=True, env={}, timeout=30, cwd="/")
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "me").write_text("mail.example.org\n")
    return tmp_path


def route(home: Path, peer: Peer) -> None:
    (home / "control" / "smtproutes").write_text(f":{peer.route}\n")


def test_a_message_from_a_pipe_to_three_recipients(home: Path) -> None:
    with Peer() as peer:
        route(home, peer)
        peer.verdicts[b"ann@far.example"] = b"550 no\r\n"
        found = run(home, *ORDER, "ann@far.example", "bob@far.example")
    assert found == (
        0,
        b"r\0h127.0.0.1 does not like recipient.\nRemote host said: 550 no\n\0r\0"
        b"K127.0.0.1 accepted message.\nRemote host said: 250 2.0.0 queued as 1\n\0",
        b"",
    )
    assert peer.messages[0].body == b"Subject: x\r\n\r\nhello\r\n"


@pytest.mark.parametrize("words", [(), ("far.example",), ("far.example", "s@example.org")])
def test_fewer_than_three_arguments_are_a_failure(home: Path, words: tuple[str, ...]) -> None:
    assert run(home, *words) == (0, b"DI (qmail-remote) was invoked improperly. (#5.3.5)\n\0", b"")


def test_what_is_missing_or_wrong_in_the_home_is_a_deferral(home: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere", *ORDER) == (0, b"ZUnable to switch to home directory. (#4.3.0)\n\0", b"")
    (home / "control" / "outgoingip").write_text("example.org\n")
    assert run(home, *ORDER) == (0, b"ZUnable to read control files. (#4.3.0)\n\0", b"")
    (home / "control" / "outgoingip").unlink()
    (home / "control" / "me").unlink()
    assert run(home, *ORDER) == (0, b"ZUnable to read control files. (#4.3.0)\n\0", b"")


def test_a_bug_delays_the_message_and_is_shown_behind_the_records(home: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = [{TOP!r}]\n"
        "from qmtwist.agents.remote.deliver import Delivery\n"
        "Delivery.run = lambda self: 1 // 0\n"
        f"from qmtwist.cli.launch import run; run('qmail-remote', {str(home)!r})"
    )
    command = [sys.executable, "-IS", "-c", code, *ORDER]
    ended = subprocess.run(command, input=b"", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={})
    record, trace = ended.stdout.split(b"\0")
    assert (ended.returncode, record) == (0, b"ZInternal qmail-remote bug. (#4.3.0)\n")
    assert trace.endswith(b"ZeroDivisionError: integer division or modulo by zero\n")


def test_addresses_that_would_become_commands_are_refused_before_anything_is_sent(home: Path) -> None:
    with Peer() as peer:
        route(home, peer)
        for sender, recipient in (
            ("s@example.org", "joe\r\nRSET\r\n@far.example"),
            ("s@example.org", "joe@far.example>\r\nRSET"),
            ("s\n@example.org", "joe@far.example"),
            ("s@example.org>\rRSET", "joe@far.example"),
        ):
            status, records, _ = run(home, "far.example", sender, recipient)
            assert status == 0 and records[:1] in (b"h", b"D")
    assert peer.messages == []
    assert {line.split(b" ")[0] for line in peer.commands} <= {b"EHLO", b"QUIT"}


def test_a_partial_final_line_is_a_failure_and_nothing_is_accepted(home: Path) -> None:
    with Peer() as peer:
        route(home, peer)
        status, records, _ = run(home, *ORDER, stdin=b"a\nb")
    assert status == 0
    assert records == b"r\0DSMTP cannot transfer messages with partial final lines. (#5.6.2)\n\0"
    assert peer.messages == []


def test_a_lost_answer_to_the_final_dot_warns_of_a_duplicate(home: Path) -> None:
    with Peer(dot=then_drop(b"")) as peer:
        route(home, peer)
        assert run(home, *ORDER)[1] == (
            b"r\0ZConnected to 127.0.0.1 but connection died. Possible duplicate! (#4.4.2)\n\0"
        )
    assert len(peer.messages) == 1


DEAR = ("attr", "argparse", "dns", "ipaddress", "logging", "socket", "ssl", "subprocess", "tempfile", "twisted")


def test_a_delivery_by_a_route_in_clear_imports_nothing_dear(home: Path) -> None:
    code = (
        f"import sys; sys.path[:0] = [{TOP!r}]\n"
        "from qmtwist.cli.queue.qmail_remote import main\n"
        f"main({[word.encode() for word in ORDER]!r}, {str(home)!r})\n"
        f"print(sorted(set({DEAR!r}) & sys.modules.keys()))"
    )
    with Peer() as peer:
        route(home, peer)
        ended = subprocess.run([sys.executable, "-IS", "-c", code], input=b"x\n", capture_output=True, check=True)
    assert ended.stdout.endswith(b"\0[]\n")
    assert len(peer.messages) == 1

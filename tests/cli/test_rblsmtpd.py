"""rblsmtpd, the program: its conversation, its limit, and what it runs."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.daemon import environment
from tests.support.zone import Fault, Zone

SIX = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
ZONE = f"""
7.2.0.192.one.example. TXT "listed " "in one"
7.2.0.192.two.example. TXT "two"
7.2.0.192.code.example. A 127.0.0.4
7.2.0.192.code.example. TXT "code four"
7.2.0.192.white.example. A 127.0.0.2
{SIX}.one.example. TXT "six"
"""
ONE = ("-r", "one.example")
HELLO = ("/bin/echo", "real server")


class Ended(NamedTuple):
    """What a run said."""

    status: int
    said: str
    log: str


class Place:
    """A home whose programs ask our DNS server."""

    def __init__(self, path: Path, zone: Zone) -> None:
        self.path = path
        self.zone = zone
        self.program = str(path / "bin" / "rblsmtpd")

    def start(self, *words: str, ip: str | None = "192.0.2.7", **variables: str) -> subprocess.Popen[str]:
        """Run it as tcpserver does."""
        env = {**environment(), **variables} | ({} if ip is None else {"TCPREMOTEIP": ip})
        pipe = subprocess.PIPE
        return subprocess.Popen([self.program, *words], stdin=pipe, stdout=pipe, stderr=pipe, env=env, text=True)

    def run(self, *words: str, ip: str | None = "192.0.2.7", client: str = "RCPT\nQUIT\n", **variables: str) -> Ended:
        """Run it to its end; line ends as the client sees them, without CR."""
        process = self.start(*words, ip=ip, **variables)
        said, log = process.communicate(client, timeout=30)
        return Ended(process.returncode, said, log.replace(str(process.pid), "PID"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    path = tmp_path_factory.mktemp("home")
    with Zone(ZONE) as zone:
        zone.faults["7.2.0.192.fails.example"] = Fault.SERVFAIL
        (path / "control").mkdir()
        (path / "control" / "nameservers").write_text(zone.nameserver + "\n")
        write_launchers(str(path))
        yield Place(path, zone)


def refused(reply: str) -> str:
    return f"220 rblsmtpd.local\n{reply}\n221 rblsmtpd.local\n"


def test_a_listed_client_hears_why_and_so_does_the_log(place: Place) -> None:
    """S204."""
    ended = place.run(*ONE, *HELLO)
    assert ended == (0, refused("451 listed in one"), "rblsmtpd: 192.0.2.7 pid PID: 451 listed in one\n")


def test_another_client_gets_the_real_server_with_its_arguments_and_signals(place: Place) -> None:
    assert place.run(*ONE, *HELLO, "--", "-r", ip="192.0.2.8") == (0, "real server -- -r\n", "")
    script = "trap '' PIPE 2>/dev/null; kill -PIPE $$; exit 7"
    assert place.run(*ONE, "sh", "-c", script, ip="192.0.2.8").status == 7
    assert place.run(*ONE, "sh", "-c", "kill -PIPE $$; exit 7", ip="192.0.2.8").status == -signal.SIGPIPE


def test_several_in_a_row_are_each_asked(place: Place) -> None:
    row = ("-r", "none.example", place.program, "-b", "-rtwo.example", place.program, *ONE)
    before = len(place.zone.queries)
    assert place.run(*row, *HELLO).said == refused("553 two")
    assert [name for name, _, _ in place.zone.queries[before:]] == ["7.2.0.192.none.example", "7.2.0.192.two.example"]
    assert place.run(*row, *HELLO, ip="192.0.2.8").said == "real server\n"


def test_ipv6_clients_are_looked_up_nibble_by_nibble(place: Place) -> None:
    assert place.run(*ONE, *HELLO, ip="2001:db8::1").said == refused("451 six")
    assert place.run(*ONE, *HELLO, ip="::ffff:192.0.2.7").said == refused("451 listed in one")


def test_codes_and_own_texts(place: Place) -> None:
    assert place.run("-r", "code.example=127.0.0.4-5", *HELLO).said == refused("451 code four")
    assert place.run("-r", "code.example=127.0.0.5", *HELLO).said == "real server\n"
    own = place.run("-b", "-r", "code.example:see http://code.example/%IP%", *HELLO)
    assert own.said == refused("553 see http://code.example/192.0.2.7")
    assert place.run("-a", "white.example=127.0.0.3", *ONE, *HELLO).said == refused("451 listed in one")
    wrong = place.run("-r", "code.example=x", *HELLO)
    assert wrong.status == 100 and wrong.log.startswith("rblsmtpd: fatal: codes are addresses")


def test_a_failing_name_is_asked_for_three_times(place: Place) -> None:
    assert place.run("-c", "-r", "fails.example", *HELLO).said == refused("451 temporary RBL lookup error")
    assert place.zone.asked("7.2.0.192.fails.example") == 3


def test_the_variable_comes_before_every_list(place: Place) -> None:
    before = len(place.zone.queries)
    assert place.run(*ONE, *HELLO, RBLSMTPD="").said == "real server\n"
    assert place.run(*ONE, *HELLO, RBLSMTPD="-no").said == refused("553 no")
    assert len(place.zone.queries) == before


def test_time_is_limited_even_for_a_client_that_keeps_talking(place: Place) -> None:
    process = place.start("-t", "1", *HELLO, RBLSMTPD="no")
    assert process.stdin is not None and process.stdout is not None
    begun = time.monotonic()
    assert process.stdout.readline() == "220 rblsmtpd.local\n"
    while process.poll() is None and time.monotonic() < begun + 20:
        try:
            process.stdin.write("NOOP\n")
            process.stdin.flush()
        except BrokenPipeError:
            break
        time.sleep(0.05)
    assert process.wait(10) == 0
    assert set(process.stdout.read().splitlines()) == {"250 rblsmtpd.local"}
    assert time.monotonic() - begun < 10
    with pytest.raises(BrokenPipeError):  # what could not be written any more
        process.stdin.write("x")
        process.stdin.close()
    assert process.stderr is not None
    process.stderr.close()
    process.stdout.close()


def test_a_client_that_does_not_read_is_left_alone_in_time(place: Place) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        env = {**environment(), "TCPREMOTEIP": "192.0.2.7", "RBLSMTPD": "-" + "x" * 200}
        command = [place.program, "-t", "1", "true"]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, env=env)
        ours.setblocking(False)
        try:
            while process.poll() is None:
                try:
                    ours.send(b"RCPT\r\n" * 1000)
                except BlockingIOError:
                    break
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_nobody_reading_the_log_lets_nobody_in(place: Place) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    env = {**environment(), "TCPREMOTEIP": "192.0.2.7", "RBLSMTPD": "no"}
    command = [place.program, *HELLO]
    ended = subprocess.run(command, input=b"QUIT\n", stdout=subprocess.PIPE, stderr=writer, env=env, timeout=30)
    os.close(writer)
    assert (ended.returncode, ended.stdout) == (0, b"220 rblsmtpd.local\r\n221 rblsmtpd.local\r\n")


@pytest.mark.parametrize("words", [(), ("-r",), ("-z", *HELLO), ("-R", *HELLO), ("-b",)])
def test_wrong_usage_is_100(place: Place, words: tuple[str, ...]) -> None:
    ended = place.run(*words)
    assert (ended.status, ended.said) == (100, "") and ended.log.startswith("rblsmtpd: usage: rblsmtpd [ -b ]")


def test_a_program_that_cannot_be_run_is_111(place: Place) -> None:
    ended = place.run("no-such-program", PATH="/usr/bin:/bin")
    assert ended == (111, "", "rblsmtpd: fatal: unable to run no-such-program: file does not exist\n")


def test_a_home_whose_files_cannot_be_read_still_keeps_its_lists(place: Place, tmp_path: Path) -> None:
    """The program runs as whoever tcpserver is; the system's name servers are asked then."""
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "nameservers").mkdir()  # cannot be read as a file, even by root
    ended = place.run("-c", *ONE, *HELLO, QMTWIST_HOME=str(tmp_path), RBLSMTPD="x")
    assert re.match(r"220 .*\n451 x\n", ended.said)

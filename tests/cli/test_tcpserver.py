"""tcpserver, as a program among real clients."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.rules.tcprules import encode, read
from qmtwist.store import cdb
from tests.support.tcpservers import LIMIT_S, TcpServer
from tests.support.zone import Fault, Zone

QUICK = ("-R", "-H", "-l", "0")  # nothing to be looked up: no child of ours
SLOW = (*QUICK, "-B", "hello\r\n")  # a forked child does it
SHOW = ("sh", "-c", 'env | grep -E "^(TCP|PROTO|RELAY|A=|B=)" | sort')

ZONE = """
1.0.0.127.in-addr.arpa. PTR Peer.Example.
peer.example. A 127.0.0.1
2.0.0.127.in-addr.arpa. PTR liar.example.
liar.example. A 192.0.2.1
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. PTR six.example.
six.example. AAAA ::1
"""

Start = Callable[..., TcpServer]


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(ZONE) as served:
        served.faults["3.0.0.127.in-addr.arpa"] = Fault.SERVFAIL
        yield served


@pytest.fixture
def home(zone: Zone, tmp_path: Path) -> Path:
    write_launchers(str(tmp_path))
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "nameservers").write_text(zone.nameserver + "\n")
    return tmp_path


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """A server with these options and this program, on 127.0.0.1 unless `host` says otherwise."""
    with contextlib.ExitStack() as stack:

        def start(*options: str, program: tuple[str, ...] = SHOW, host: str = "127.0.0.1", **env: str) -> TcpServer:
            command = [str(home / "bin/tcpserver"), "-1", "-v", *options, host, "0", *program]
            address = host if host not in ("0", "", "::") else "127.0.0.1"
            return stack.enter_context(TcpServer(command, {"PATH": "/usr/bin:/bin", **env}, address=address))

        yield start


def write_rules(path: Path, text: bytes) -> str:
    records = [(key, encode(rule)) for rule in read(text) for key in rule.keys]
    path.write_bytes(cdb.encode(records))
    return str(path)


def variables(text: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)


@pytest.mark.parametrize("way", [QUICK, SLOW])
def test_the_program_finds_its_variables_and_the_log_tells_of_the_connection(
    start: Start, way: tuple[str, ...]
) -> None:
    """S097: status, who connects, from which port to which, how it ends."""
    server = start(*way, TCPREMOTEINFO="fake", TCPREMOTEHOST="fake", RELAYCLIENT="inherited", TCPLOCALHOST="fake")
    found = variables(server.ask())
    port = found.pop("TCPREMOTEPORT")
    assert found == {
        "PROTO": "TCP", "TCPLOCALIP": "127.0.0.1", "TCPLOCALPORT": str(server.port), "TCPLOCALHOST": "0",
        "TCPREMOTEIP": "127.0.0.1", "RELAYCLIENT": "inherited",
    }  # fmt: skip
    server.wait_for(r"end \d+ status 0\ntcpserver: status: 0/40\n")
    assert re.fullmatch(
        r"tcpserver: status: 0/40\ntcpserver: status: 1/40\ntcpserver: pid (\d+) from 127.0.0.1\n"
        rf"tcpserver: ok \1 0:127.0.0.1:{server.port} :127.0.0.1::{port}\n"
        r"tcpserver: end \1 status 0\ntcpserver: status: 0/40\n",
        server.log,
    )


def test_rules_deny_and_set_variables_also_over_inherited_ones(start: Start, tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "r.cdb", b'127.0.0.1:allow,A="1",RELAYCLIENT="@x"\n127.0.0.2:deny\n')
    server = start(*QUICK, "-x", rules, A="old", B="kept")
    assert variables(server.ask()).items() >= {"A": "1", "B": "kept", "RELAYCLIENT": "@x"}.items()
    with server.connect("127.0.0.2") as client:
        assert client.recv(100) == b""
    pid = server.wait_for(r"^tcpserver: deny \d+ 0:127.0.0.1:\d+ :127.0.0.2::\d+$").split()[2]
    server.wait_for(rf"^tcpserver: end {pid} status 25600$")


def test_without_v_nothing_is_said_of_connections_nor_of_denied_ones(home: Path, tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "r.cdb", b"127.0.0.1:allow\n:deny\n")
    command = [str(home / "bin/tcpserver"), "-1", *QUICK, "-x", rules, "127.0.0.1", "0", "echo", "hi"]
    with TcpServer(command) as server:
        with server.connect("127.0.0.2") as client:
            assert client.recv(100) == b""
        assert server.ask() == b"hi\n"
    assert server.log == ""


def test_a_rules_file_that_is_missing_or_broken_drops_the_connection(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "r.cdb"
    server = start(*QUICK, "-x", str(path), program=("echo", "hi"))
    assert server.ask() == b""
    server.wait_for(
        rf"warning: dropping connection, unable to read {path}: file does not exist\ntcpserver: end \d+ status 28416"
    )
    path.write_bytes(b"\xff" * 2048)
    assert server.ask() == b""
    server.wait_for(rf"unable to read {path}: protocol error\n")
    write_rules(path, b":allow\n")
    assert server.ask() == b"hi\n"
    may_lack = start(*QUICK, "-X", "-x", "/nonexistent.cdb", program=("echo", "hi"))
    assert may_lack.ask() == b"hi\n"


@pytest.mark.parametrize("way", [QUICK, SLOW])
def test_at_the_limit_clients_wait_and_are_not_refused(start: Start, way: tuple[str, ...]) -> None:
    server = start(*way, "-c", "2", program=("cat",))
    greeting = b"hello\r\n" if way == SLOW else b""

    def talk(client: socket.socket) -> bytes:
        client.sendall(b"x")
        return client.recv(100)

    first, second, third = (server.connect() for _ in range(3))
    with first, second, third:
        for client in (first, second):
            assert client.recv(len(greeting)) == greeting if greeting else True
            assert talk(client) == b"x"
        third.sendall(b"waited")
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.recv(1)
        assert "status: 2/2" in server.log and server.log.count("from 127.0.0.1") == 2
        first.shutdown(socket.SHUT_WR)
        third.settimeout(LIMIT_S)
        received = b""
        while len(received) < len(greeting) + 6:
            received += third.recv(100)
        assert received == greeting + b"waited"
    assert "status: 3/2" not in server.log


def test_many_clients_at_once_are_all_served(start: Start) -> None:
    server = start(*QUICK, "-c", "5", "-b", "50", program=("cat",))
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda: answers.append(server.ask(b"hello"))) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert answers == [b"hello"] * 40
    server.wait_for(r"status: 0/5\n\Z")
    assert len(re.findall(r"end \d+ status 0\n", server.log)) == 40
    assert max(int(count) for count in re.findall(r"status: (\d+)/5", server.log)) <= 5


def test_term_ends_the_server_and_leaves_its_programs_alone(start: Start) -> None:
    server = start(*QUICK, program=("cat",))
    with server.connect() as client:
        client.sendall(b"a")
        assert client.recv(1) == b"a"
        assert server.stop() == 0
        client.sendall(b"b")
        assert client.recv(1) == b"b"
        with pytest.raises(ConnectionRefusedError):
            server.connect()


@pytest.mark.parametrize(("script", "status"), [("exit 7", 1792), ("kill -9 $$", 9), ("exit 0", 0)])
@pytest.mark.parametrize("way", [QUICK, SLOW])
def test_the_end_shows_the_wait_status(start: Start, script: str, status: int, way: tuple[str, ...]) -> None:
    server = start(*way, program=("sh", "-c", script))
    server.ask()
    assert server.wait_for(r"^tcpserver: end \d+ status \d+$").endswith(f" status {status}")


def test_a_program_that_cannot_be_run_drops_the_connection(start: Start, tmp_path: Path) -> None:
    for program, why in (("/nonexistent/prog", "file does not exist"), (str(tmp_path), "access denied")):
        server = start(*QUICK, program=(program,))
        assert server.ask() == b""
        server.wait_for(
            rf"ok (\d+) .*\ntcpserver: warning: dropping connection, unable to run {program}: {why}\n"
            r"tcpserver: end \1 status 28416\n"
        )


def test_the_program_is_found_along_path_and_has_usual_signals(start: Start, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\nexec grep ^Sig /proc/self/status\n")
    program.chmod(0o755)
    for way in (QUICK, SLOW):
        server = start(*way, program=("mine",), PATH=f"/nonexistent:{tmp_path}:/usr/bin:/bin")
        text = server.ask().decode()
        masks = {name: int(value, 16) for name, value in re.findall(r"^(SigIgn|SigBlk):\s*(\w+)$", text, re.M)}
        usual = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGCHLD)
        assert not any(mask >> (number - 1) & 1 for mask in masks.values() for number in usual), text
        assert len(masks) == 2


def test_names_come_from_dns_in_lower_case(start: Start) -> None:
    server = start("-R")
    found = variables(server.ask())
    assert (found["TCPLOCALHOST"], found["TCPREMOTEHOST"]) == ("peer.example", "peer.example")
    with server.connect("127.0.0.3") as client:  # its name is not known for now
        text = b"".join(iter(lambda: client.recv(4096), b""))
    assert "TCPREMOTEHOST" not in variables(text)
    server.wait_for(r"ok \d+ peer.example:127.0.0.1:\d+ :127.0.0.3::")


def test_a_paranoid_server_believes_names_that_lead_back_only(start: Start) -> None:
    server = start("-R", "-p", "-l", "x")
    assert variables(server.ask())["TCPREMOTEHOST"] == "peer.example"
    with server.connect("127.0.0.2") as client:
        assert "TCPREMOTEHOST" not in variables(b"".join(iter(lambda: client.recv(4096), b"")))
    trusting = start("-R", "-P", "-l", "x")
    with trusting.connect("127.0.0.2") as client:
        assert variables(b"".join(iter(lambda: client.recv(4096), b"")))["TCPREMOTEHOST"] == "liar.example"


def test_rules_see_the_name_of_the_client(start: Start, tmp_path: Path) -> None:
    rules = write_rules(tmp_path / "r.cdb", b'=.example:allow,A="named"\n:deny\n')
    assert variables(start("-R", "-x", rules).ask())["A"] == "named"
    assert start("-R", "-H", "-x", rules).ask() == b""


def test_a_client_whose_lookups_take_long_holds_up_nobody(start: Start, zone: Zone) -> None:
    zone.faults["2.0.0.127.in-addr.arpa"] = Fault.SILENT
    server = start("-R", "-l", "x")
    with server.connect("127.0.0.2"):
        server.wait_for("from 127.0.0.2")
        assert variables(server.ask())["TCPREMOTEHOST"] == "peer.example"
        assert "127.0.0.2::" not in server.log


@pytest.mark.parametrize("host", ["::1", "::"])
def test_ipv6_clients_are_served_and_ruled(start: Start, tmp_path: Path, host: str) -> None:
    rules = write_rules(tmp_path / "r.cdb", b'[::1]:allow,A="six"\n127.:allow,A="four"\n:deny\n')
    server = start("-R", "-p", "-l", "0", "-x", rules, host=host)
    with socket.create_connection(("::1", server.port), LIMIT_S) as client:
        found = variables(b"".join(iter(lambda: client.recv(4096), b"")))
    assert found["A"] == "six" and found["TCPREMOTEIP"] == found["TCPLOCALIP"] == "::1" and found["PROTO"] == "TCP"
    assert found["TCPREMOTEHOST"] == "six.example"
    server.wait_for(
        rf"^tcpserver: pid \d+ from ::1\ntcpserver: ok \d+ 0:\[::1\]:{server.port} six.example:\[::1\]::\d+$"
    )
    if host == "::":
        found = variables(server.ask())
        assert found["A"] == "four" and found["TCPREMOTEIP"] == found["TCPLOCALIP"] == "127.0.0.1"


def test_host_0_serves_every_ipv4_address(start: Start) -> None:
    server = start(*QUICK, host="0")
    server.address = "127.0.0.5"
    assert variables(server.ask())["TCPLOCALIP"] == "127.0.0.5"


def test_a_name_as_host_is_looked_up(start: Start) -> None:
    server = start(*QUICK, host="peer.example", program=("echo", "hi"))
    server.address = "127.0.0.1"
    assert server.ask() == b"hi\n"


def attempt(home: Path, *words: str, **env: str) -> tuple[int, str]:
    ended = subprocess.run(
        [str(home / "bin/tcpserver"), *words], capture_output=True, text=True, timeout=LIMIT_S,
        env={"PATH": "/usr/bin:/bin", **env},
    )  # fmt: skip
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ""),
        (("0", "25"), ""),
        (("-z", "0", "25", "cat"), "tcpserver: illegal option -- z\n"),
        (("-c",), "tcpserver: option requires an argument -- c\n"),
        (("-c", "", "0", "0", "cat"), "tcpserver: this is no number: \n"),
        (("-u", "qmaild", "0", "0", "cat"), "tcpserver: this is no number: qmaild\n"),
    ],
)
def test_a_wrong_call_is_explained(home: Path, words: tuple[str, ...], said: str) -> None:
    status, text = attempt(home, *words)
    assert status == 100 and text.startswith(said + "tcpserver: usage: tcpserver [ -1UX")


def test_it_says_why_it_cannot_start(home: Path, zone: Zone) -> None:
    zone.faults["trouble.example"] = Fault.SERVFAIL
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert attempt(home, "127.0.0.1", port, "cat") == (
            111,
            "tcpserver: fatal: unable to bind: address already used\n",
        )
        assert attempt(home, "-q", "127.0.0.1", port, "cat") == (111, "")
    for host, words in (("nobody.example", "no IP address for"), ("trouble.example", "temporarily unable to")):
        status, text = attempt(home, host, "0", "cat")
        assert status == 111 and text.startswith(f"tcpserver: fatal: {words}") and host in text
    expected = (111, "tcpserver: fatal: unable to figure out port number for nosuchservice\n")
    assert attempt(home, "0", "nosuchservice", "cat") == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root may become anybody")
def test_it_does_not_serve_with_rights_that_it_should_have_left(home: Path) -> None:
    status, text = attempt(home, "-g", "54321", "127.0.0.1", "0", "cat")
    assert (status, text) == (111, "tcpserver: fatal: unable to set gid: permission denied\n")


def test_a_client_who_is_gone_already_is_served_like_any_other(start: Start) -> None:
    server = start(*SLOW, "-c", "1", program=("sh", "-c", "echo done >&2"))
    with server.connect() as first:
        first.recv(1)
        second = server.connect()
        second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        second.close()
    server.wait_for("done")
    assert server.ask() == b"hello\r\n"
    server.wait_for(r"status: 0/1\n\Z")


def test_options_of_the_socket_are_set(start: Start) -> None:
    read_nodelay = (
        "import socket; s = socket.socket(fileno=0); print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))"
    )
    for option, wanted in (("-d", b"0\n"), ("-D", b"1\n")):
        assert start(*QUICK, option, program=(sys.executable, "-c", read_nodelay)).ask() == wanted


def test_a_log_that_nobody_reads_does_not_end_the_server(home: Path) -> None:
    command = [str(home / "bin/tcpserver"), "-1", "-v", *QUICK, "127.0.0.1", "0", "echo", "hi"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PATH": "/bin:/usr/bin"})
    assert process.stdout is not None and process.stderr is not None
    try:
        process.stderr.close()
        port = int(process.stdout.readline())
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port), LIMIT_S) as client:
                assert client.recv(10) == b"hi\n"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        process.stdout.close()

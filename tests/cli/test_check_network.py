"""qmtwist check looks around: who has our ports, and what DNS says of our name. Real sockets, a real name server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control import check, listening, network, setup
from tests.support.zone import Fault, Zone

ME = "mail.heaven.af.mil"
ZONE = """
mail.heaven.af.mil. 300 A 127.0.0.1
1.0.0.127.in-addr.arpa. 300 PTR mail.heaven.af.mil.
far.af.mil. 300 A 192.0.2.9
"""


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(ZONE) as served:
        yield served


@pytest.fixture
def home(tmp_path: Path, zone: Zone) -> str:
    assert setup.main([b"--home", os.fsencode(tmp_path), b"--host", ME.encode()], "") == 0
    Path(tmp_path, "control", "nameservers").write_text(f"{zone.address}:{zone.port}\n")
    for name in ("smtp", "pop3"):
        Path(tmp_path, "control", f"listen{name}").write_text("")
    return str(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def write(home: str, name: str, text: str) -> None:
    Path(home, "control", name).write_text(text)


def test_a_name_that_leads_here_and_back_is_good(home: str, zone: Zone) -> None:
    assert list(network.problems(home)) == []
    assert {(name, kind) for name, kind, _ in zone.queries} == {
        (ME, "A"),
        (ME, "AAAA"),
        (ME, "MX"),
        ("1.0.0.127.in-addr.arpa", "PTR"),
    }


def test_what_dns_lacks_is_said_with_what_to_do(home: str, zone: Zone) -> None:
    zone.load("far.af.mil. 300 A 192.0.2.9\n")
    (line,) = network.problems(home)
    assert line.startswith(f"{home}/control/me: {ME} has no address in DNS: add to its zone: {ME}. IN A ")
    zone.load(f"{ME}. 300 A 127.0.0.1\n")
    assert list(network.problems(home)) == [
        f"{home}/control/me: 127.0.0.1 has no name in DNS: "
        f"ask who gave you the address for: 1.0.0.127.in-addr.arpa. IN PTR {ME}."
    ]


def test_mail_that_goes_elsewhere_matters_only_where_mail_is_taken(
    home: str, zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "own_addresses", lambda: {b"\x7f\0\0\1", b"\x08\x08\x08\x08"})
    zone.load(f"{ZONE}{ME}. 300 MX 5 far.af.mil.\n")
    assert list(network.problems(home)) == []
    write(home, "listensmtp", "tcp:25:interface=127.0.0.1\n")
    assert list(network.problems(home)) == []
    write(home, "listensmtp", "tcp:25\n")
    lines = [line for line in network.problems(home) if "listensmtp" not in line]
    assert lines == [
        f"{home}/control/me: mail for {ME} goes to far.af.mil, none of which is this host: "
        f"add to its zone: {ME}. IN MX 0 {ME}."
    ]


def test_a_dead_dns_costs_a_limited_time(home: str, zone: Zone) -> None:
    zone.faults[""] = Fault.SILENT
    began = time.monotonic()
    (line,) = network.problems(home, deadline_s=0.3)
    assert time.monotonic() - began < 5
    assert line == (
        f"{home}/control/me: the name servers (127.0.0.1) do not answer within 0.3 seconds: "
        f"echo ADDRESS >{home}/control/nameservers, or mend /etc/resolv.conf"
    )


def test_nobody_is_asked_about_names_for_trials_or_if_it_is_not_wanted(home: str, zone: Zone) -> None:
    assert list(network.problems(home, has_dns=False)) == []
    write(home, "me", "trial.example\n")
    assert list(network.problems(home)) == [] and zone.queries == []


def test_check_prints_what_is_found_around(
    home: str, zone: Zone, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write(home, "listensmtp", f"tcp:{taken}:interface=127.0.0.1\n")
    zone.load("")
    capsys.readouterr()
    assert check.main([b"--home", os.fsencode(home)], "") == 1
    said = capsys.readouterr().out
    assert f"{home}/control/listensmtp: port {taken} is taken by " in said and "has no address in DNS" in said
    assert check.main([b"--home", os.fsencode(home), b"--no-dns"], "") == 1
    assert "DNS" not in capsys.readouterr().out


def test_a_taken_port_is_named_with_who_has_it(home: str, taken: int) -> None:
    write(home, "listenpop3", f"tcp:{taken}\n")
    (line,) = network.problems(home)
    what = f"port {taken} is taken by {Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
    assert line.startswith(f"{home}/control/listenpop3: {what}: ")
    assert line.rpartition(": ")[2].split()[0] in ("kill", "systemctl")
    write(home, "listenpop3", f"tcp:{taken}:interface=127.0.0.2\n")
    assert list(network.problems(home)) == []


def test_who_runs_programs_of_the_home_listens_for_it(home: str) -> None:
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}; sys.stdin.read()", f"{home}/bin/qmail-smtpd"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tcpserver:
        assert tcpserver.stdout is not None
        write(home, "listensmtp", f"tcp:{tcpserver.stdout.readline().strip()}\n")
        assert list(network.problems(home)) == []
        tcpserver.communicate("")


def test_a_socket_of_ours_may_be_held_by_others_too() -> None:
    """As by a child of systemd that has not become another program yet."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        subprocess.Popen(["sleep", "60"], pass_fds=[server.fileno()]) as child,
    ):
        try:
            sockets = [each for each in listening.all_listeners() if each.port == server.getsockname()[1]]
            assert listening.strangers(sockets, "/h", os.getpid()) == []
            pids = {holder.pid for holder in listening.strangers(sockets, "/h", server=0)}
            assert pids == {os.getpid(), child.pid}
        finally:
            child.kill()


def test_another_users_process_is_named_by_its_user(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    monkeypatch.setattr(listening, "_processes", list)
    found = [each for each in listening.all_listeners() if each.port == taken]
    (holder,) = listening.holders(found)
    assert holder.pid == 0 and holder.shown.startswith("a process of ")
    assert holder.mending(taken) == f"see who it is, as root: ss -ltnp 'sport = :{taken}'"


@pytest.mark.parametrize(
    ("holder", "is_ours"),
    [
        (listening.Holder(77, "twistd", "twistd -n"), True),  # the server, by its process id
        (listening.Holder(78, "twistd", "twistd -n qmtwist --home /elsewhere"), False),
        (listening.Holder(79, "tcpserver", "tcpserver 0 25 /h/bin/qmail-smtpd"), True),
        (listening.Holder(1, "systemd", "/sbin/init"), False),
        (listening.Holder(0, "postfix", ""), False),
        (listening.Holder(80, "inetd", "/usr/sbin/inetd"), False),
    ],
)
def test_whose_listener_it_is(holder: listening.Holder, is_ours: bool) -> None:
    assert listening.serves(holder, "/h", server=77) == is_ours


def test_an_inetd_that_runs_our_programs_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smtp").write_text("service smtp { server = /h/bin/qmail-smtpd }\n")
    monkeypatch.setattr(listening, "THEIR_FILES", ("/nowhere", str(tmp_path)))
    assert listening.serves(listening.Holder(80, "xinetd", ""), "/h", server=0)
    assert not listening.serves(listening.Holder(80, "xinetd", ""), "/other", server=0)


def test_a_service_of_systemd_is_stopped_by_its_name() -> None:
    for unit, service in (("exim4.service", "exim4"), ("system-postfix.slice/postfix@-.service", "postfix")):
        holder = listening.Holder(9, "x", "x", listening.service_of(f"12:cpu:/\n0::/system.slice/{unit}\n"))
        assert holder.mending(25) == f"systemctl stop {service} && systemctl disable {service}"
    assert "kill" not in listening.Holder(1, "systemd", "/sbin/init").mending(25)


def test_an_unusable_control_directory_ends_the_look_around(home: str, taken: Callable[[], int]) -> None:
    write(home, "listensmtp", "nonsense\n")
    assert list(network.problems(home)) == []

"""qmtwist setup --null-client: a home without a queue, and what check says of it."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli.control import nullclient, setup
from qmtwist.cli.control.check import problems
from qmtwist.control.identity import own_pin
from tests.support.qmqp_peer import QmqpPeer

LETTER = b"From: joe@null.example\nTo: ann@far.example\nSubject: hello\n\nhow are you\n"


def run(home: Path, *words: str) -> int:
    return setup.main([os.fsencode(word) for word in ("--home", str(home), *words)], "/var/qmail")


def null_client(home: Path, *hubs: str) -> int:
    words = [word for hub in hubs for word in ("--hub", hub)]
    return run(home, "--null-client", "--host", "null.example", *words)


def program(home: Path, name: str, *words: str, message: bytes = LETTER) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([home / "bin" / name, *words], input=message, capture_output=True, timeout=60)


def test_it_has_programs_and_control_files_only(tmp_path: Path) -> None:
    assert null_client(tmp_path, "192.0.2.1", "[2001:db8::1]:6280") == 0
    assert sorted(os.listdir(tmp_path)) == ["bin", "control", "doc", "man"]
    assert sorted(os.listdir(tmp_path / "control")) == ["defaultdomain", "me", "plusdomain", "qmqpservers"]
    assert (tmp_path / "control/qmqpservers").read_text() == "192.0.2.1\n[2001:db8::1]:6280\n"
    assert os.readlink(tmp_path / "bin/qmail-queue") == "qmail-qmqpc"
    names = set(os.listdir(tmp_path / "bin"))
    assert {"qmail-inject", "sendmail", "qmail-qmqpc", "qmail-showctl", "maildirmake", "qmtwist"} < names
    assert not names & {"qmail-start", "qmail-local", "qmail-qread", "qmail-smtpd", "qmail-pop3d", "mailq"}
    assert list(problems(str(tmp_path))) == []


def test_a_second_run_with_or_without_the_option_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    null_client(tmp_path, "192.0.2.1")
    capsys.readouterr()
    assert null_client(tmp_path, "192.0.2.1") == 0
    assert run(tmp_path) == 0
    assert capsys.readouterr().out == ""
    assert null_client(tmp_path, "192.0.2.2") == 0
    assert capsys.readouterr().out == "control/qmqpservers is there already and stays; change it by hand\n"
    assert sorted(os.listdir(tmp_path)) == ["bin", "control", "doc", "man"]


def test_a_name_is_written_as_its_addresses(tmp_path: Path) -> None:
    assert null_client(tmp_path, "localhost:6280") == 0
    name, *lines = (tmp_path / "control/qmqpservers").read_text().splitlines()
    assert name == "# localhost"
    found = {str(entry[4][0]) for entry in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    assert {line.rpartition(":")[0].strip("[]") for line in lines} == found


def test_a_name_without_an_address_is_told_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert null_client(tmp_path / "home", "no-such-host.invalid") == 1
    assert "cannot find the address of no-such-host.invalid" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--null-client",),
        ("--hub", "192.0.2.1"),
        ("--null-client", "--hub", "192.0.2.1", "--admin", "joe"),
        *[
            ("--null-client", "--hub", hub)
            for hub in ("192.0.2.1/", "192.0.2.1/x", "192.0.2.1/tls:", "192.0.2.1/tls:may", "192.0.2.1/tls:pin:x")
        ],
        *[
            ("--null-client", "--hub", hub)
            for hub in ("", "a b", "192.0.2.1:0", "192.0.2.1:65536", "[::1", "[::1]6", "::g", "x:y", "[x]:5", "x:")
        ],
    ],
)
def test_a_wrong_command_line_makes_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    try:
        status = run(tmp_path / "home", *words)
    except SystemExit as ended:
        status = int(str(ended.code))
    assert status == 100
    assert not (tmp_path / "home").exists()


def test_a_home_with_a_queue_is_not_made_a_null_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "--host", "a.example")
    capsys.readouterr()
    assert null_client(tmp_path, "192.0.2.1") == 100
    assert "queue is there" in capsys.readouterr().err
    assert not (tmp_path / "bin/qmail-queue").is_symlink()


def test_a_foreign_queue_program_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/qmail-queue").write_text("#!/bin/sh\n")
    assert null_client(tmp_path, "192.0.2.1") == 111
    assert (tmp_path / "bin/qmail-queue").read_text() == "#!/bin/sh\n"
    assert "is there already" in capsys.readouterr().err


def test_check_names_servers_that_are_none(tmp_path: Path) -> None:
    null_client(tmp_path, "192.0.2.1")
    (tmp_path / "control/qmqpservers").write_text("hub.example\n192.0.2.1\n")
    (found,) = problems(str(tmp_path))
    assert "hub.example is no IP address and is passed over: " in found
    (tmp_path / "control/qmqpservers").write_text("hub.example\n")
    assert any("names no server: rm -f " in line for line in problems(str(tmp_path)))
    os.unlink(tmp_path / "control/qmqpservers")
    (found,) = problems(str(tmp_path))
    assert found.endswith("--null-client --hub HOST")


def test_check_sees_a_missing_program(tmp_path: Path) -> None:
    null_client(tmp_path, "192.0.2.1")
    os.unlink(tmp_path / "bin/sendmail")
    (found,) = problems(str(tmp_path))
    assert "bin/sendmail: does not exist" in found
    assert run(tmp_path) == 0
    assert list(problems(str(tmp_path))) == []


def test_mail_goes_to_the_first_hub_that_takes_it(tmp_path: Path) -> None:
    with QmqpPeer() as down, QmqpPeer() as hub:
        null_client(tmp_path, "127.0.0.1:1", f"127.0.0.1:{hub.port}", f"127.0.0.1:{down.port}")
        for name, words in (("qmail-inject", ()), ("sendmail", ("-t",)), ("qmail-inject", ("bob@far.example",))):
            ended = program(tmp_path, name, *words)
            assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(hub.got) == 3 and not down.got
    assert all(b"\nhow are you\n" in got and b"Message-ID: <" in got for got in hub.got)
    assert b",15:bob@far.example,," in hub.got[2]


def test_what_the_hub_refuses_is_told_to_who_sends(tmp_path: Path) -> None:
    with QmqpPeer(b"16:Dno room for you,") as hub:
        null_client(tmp_path, f"127.0.0.1:{hub.port}")
        ended = program(tmp_path, "qmail-inject")
    assert ended.returncode == 100
    assert b"no room for you" in ended.stderr
    ended = program(tmp_path, "qmail-inject")
    assert ended.returncode == 111  # nobody is there now


def test_a_hub_inside_tls_gets_a_key_to_know_this_host_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pin = "pin:" + "0" * 64
    assert null_client(tmp_path, f"192.0.2.1/tls:{pin}", "[2001:db8::1]:7/tls") == 0
    assert (tmp_path / "control/qmqpservers").read_text() == f"192.0.2.1/tls:{pin}\n[2001:db8::1]:7/tls\n"
    certificate = tmp_path / "control/servercert.pem"
    said = capsys.readouterr().out.splitlines()
    assert f"{own_pin(str(certificate)).decode()} null.example" in said
    # what every user's programs show must be readable for them; another user's home is his own
    assert certificate.stat().st_mode & 0o777 == (0o644 if os.geteuid() == 0 else 0o600)
    assert list(problems(str(tmp_path))) == []
    assert run(tmp_path) == 0
    assert capsys.readouterr().out == ""


def test_a_name_that_is_verified_stays_with_its_addresses(tmp_path: Path) -> None:
    assert null_client(tmp_path, "localhost/tls:verify") == 0
    name, *lines = (tmp_path / "control/qmqpservers").read_text().splitlines()
    assert name == "# localhost" and lines
    assert all(line.endswith("/tls:verify:localhost") for line in lines)


def test_check_names_what_is_wrong_behind_a_slash(tmp_path: Path) -> None:
    null_client(tmp_path, "192.0.2.1/tls")
    (tmp_path / "control/qmqpservers").write_text("192.0.2.1/tlss\n192.0.2.1/tls:may\n192.0.2.1/tls:encrypt\n")
    one, two = problems(str(tmp_path))
    assert "192.0.2.1/tlss does not end with /tls or /tls:POLICY" in one
    assert "192.0.2.1/tls:may has no policy of TLS that demands any" in two


def test_a_link_beside_a_queue_makes_no_null_client(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/qmail-queue").symlink_to("qmail-qmqpc")
    assert nullclient.is_null_client(str(tmp_path))
    (tmp_path / "queue").mkdir()
    assert not nullclient.is_null_client(str(tmp_path))

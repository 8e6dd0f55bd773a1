"""control/identity.py, control/tlsclients and `qmtwist tlskey`: who we are, and whom we know."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli.control import tlskey
from qmtwist.control.complaints import Complaints
from qmtwist.control.identity import own_pin
from qmtwist.control.load import load
from qmtwist.mail.errors import Permanent

PIN = "0123456789abcdef" * 4


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    (tmp_path / "queue").mkdir()
    (tmp_path / "control/me").write_text("laptop.example\n")
    return tmp_path


def run(home: Path) -> int:
    return tlskey.main([b"--home", os.fsencode(home)], "/nowhere")


def test_the_key_is_made_once_and_nobody_else_can_read_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (run(home), run(home)) == (0, 0)
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.split(" ")[1] == "laptop.example"
    path = home / "control/servercert.pem"
    assert not path.stat().st_mode & 0o007
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)


def test_the_pin_is_what_openssl_makes_of_the_certificate(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(home)
    command = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum"
    with open(home / "control/servercert.pem", "rb") as certificate:
        said = subprocess.run(command, shell=True, stdin=certificate, capture_output=True, check=True).stdout
    assert said.split()[0].decode() == capsys.readouterr().out.split()[0]


def test_what_it_prints_is_a_line_of_tlsclients(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(home)
    line = capsys.readouterr().out
    (home / "control/tlsclients").write_text(f"# laptops\n{line}{PIN.upper()}\n")
    clients = load(str(home)).qmtp.tlsclients
    assert clients == {line.split()[0].encode(): b"laptop.example", PIN.encode(): b"01234567"}


@pytest.mark.parametrize("line", ["laptop.example", PIN[1:], f"{PIN}0 laptop", ":".join(["ab"] * 32)])
def test_a_line_that_is_no_pin_is_refused(home: Path, line: str) -> None:
    (home / "control/tlsclients").write_text(line + "\n")
    with pytest.raises(Complaints, match=r"control/tlsclients:1: .* is no pin"):
        load(str(home))


def test_a_certificate_of_ones_own_is_left_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "control/tlscert").write_text("control/ours.pem\n")
    run(home)
    assert not (home / "control/servercert.pem").exists()
    assert own_pin(f"{home}/control/ours.pem").decode() == capsys.readouterr().out.split()[0]


def test_a_file_that_is_no_certificate_is_not_replaced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "control/servercert.pem").write_text("something\n")
    assert run(home) == 100
    assert "has no certificate in PEM" in capsys.readouterr().err
    assert (home / "control/servercert.pem").read_text() == "something\n"
    with pytest.raises(Permanent):
        own_pin(f"{home}/control/servercert.pem")


def test_a_home_without_a_name_gets_no_key(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "control/me").unlink()
    assert run(home) == 100
    assert "run qmtwist setup" in capsys.readouterr().err

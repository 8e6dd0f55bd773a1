"""etc/: the samples can be used as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.cli.control import boot
from qmtwist.rules import peers
from qmtwist.services.options import SERVICES

ETC = Path(__file__).parent.parent.parent / "etc"


def test_the_sample_rules_let_this_host_relay_and_everybody_connect() -> None:
    rules = peers.parse((ETC / "tcprules").read_bytes())
    for own in (b"127.0.0.1", b"::1"):
        assert peers.lookup(rules, own, None, None).variables == {b"RELAYCLIENT": b""}
    stranger = peers.lookup(rules, b"192.0.2.9", None, None)
    assert (stranger.is_denied, dict(stranger.variables)) == (False, {})


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("name", ["qmtwist.service", "qmtwist-smtp.socket", "qmtwist-pop3.socket"])
def test_systemd_understands_the_units(tmp_path: Path, name: str) -> None:
    assert "/opt/qmtwist/bin/twistd" in (ETC / "systemd" / "qmtwist.service").read_text()
    for unit in (ETC / "systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/qmtwist/bin/twistd", "/bin/true"))
    ended = subprocess.run(["systemd-analyze", "verify", tmp_path / name], capture_output=True, text=True)
    assert "qmtwist" not in ended.stderr, ended.stderr


@pytest.mark.skipif(shutil.which("systemctl") is None, reason="no systemd here")
def test_systemd_enables_what_setup_writes(tmp_path: Path) -> None:
    """S071: by `systemctl enable` in a tree of its own, whatever the home is called."""
    home = "/srv/50% my mail"
    units = tmp_path / "root" / "etc" / "systemd" / "system"
    units.mkdir(parents=True)
    for name, text in boot.units(home).items():
        if name != "init":
            (units / name).write_text(text.replace(f"{os.path.dirname(sys.executable)}/twistd", "/bin/true"))
    names = [unit.name for unit in sorted(units.iterdir())]
    ended = subprocess.run(["systemd-analyze", "verify", *sorted(units.iterdir())], capture_output=True, text=True)
    assert "qmtwist" not in ended.stderr, ended.stderr
    subprocess.run(["systemctl", f"--root={tmp_path}/root", "enable", *names], check=True, capture_output=True)
    wanted = {path.relative_to(units).as_posix() for path in units.glob("*.wants/*")}
    assert wanted == {
        "multi-user.target.wants/qmtwist.service",
        "sockets.target.wants/qmtwist-pop3.socket",
        "sockets.target.wants/qmtwist-smtp.socket",
    }
    service = (units / "qmtwist.service").read_text()
    assert f'qmtwist --home "{home.replace("%", "%%")}"\n' in service and "/var/qmail" not in service
    assert f"HOME_OF_MAIL='{home}'\n" in boot.units(home)["init"]


def test_socket_units_name_services() -> None:
    units = [unit for unit in (ETC / "systemd").iterdir() if unit.suffix == ".socket"]
    for unit in units:
        assert f"FileDescriptorName={unit.stem.removeprefix('qmtwist-')}\n" in unit.read_text()
    assert {unit.stem.removeprefix("qmtwist-") for unit in units} <= set(SERVICES) and units


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The init script with a home whose qmailctl says how it was called."""
    (tmp_path / "bin").mkdir()
    control = tmp_path / "bin" / "qmailctl"
    control.write_text('#!/bin/sh\necho "qmailctl: $*"; cat "$(dirname "$0")/state" 2>&1\n')
    control.chmod(0o755)
    text = (ETC / "init.d" / "qmtwist").read_text().replace("HOME_OF_MAIL=/var/qmail\n", f"HOME_OF_MAIL={tmp_path}\n")
    (tmp_path / "init").write_text(text)
    (tmp_path / "bin" / "state").write_text("qmtwist: down\n")
    return lambda *words: subprocess.run(["/bin/sh", tmp_path / "init", *words], capture_output=True, text=True)


def test_the_init_script_asks_qmailctl(script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    for verb, asked in (("start", "start"), ("stop", "stop"), ("restart", "restart"), ("force-reload", "reload")):
        assert script(verb).stdout.startswith(f"qmailctl: {asked}\n")
    assert script("status").returncode == 3
    (tmp_path / "bin" / "state").write_text("qmtwist: up (pid 7) 9 seconds\n")
    assert script("status").returncode == 0
    assert script("dance").returncode == script().returncode == 2
    (tmp_path / "bin" / "qmailctl").unlink()
    assert script("start").returncode == 5

"""Who keeps the server running, and what is asked of systemd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.agents.supervise import keepers
from qmtwist.cli.control import boot, launchers, qmailctl

SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
cat) printf '# unit\\n[Service]\\nExecStart=/opt/bin/twistd --nodaemon qmtwist --home %s\\n' {home};;
stop) exit 5;;
esac
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and a systemctl that notes what it is told."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "home" / "queue" / "lock").mkdir(parents=True)
    program = tmp_path / "tools" / "systemctl"
    program.write_text(SYSTEMCTL.format(log=tmp_path / "asked", home=tmp_path / "home"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/tools:{os.environ['PATH']}")
    monkeypatch.setattr(keepers, "SYSTEMD", str(tmp_path))
    return tmp_path / "home"


def test_systemd_is_asked_where_its_unit_names_this_home(home: Path) -> None:
    keeper = keepers.keeper(str(home))
    assert isinstance(keeper, keepers.Systemd)
    assert list(keeper.start()) == ["Starting qmtwist"] and list(keeper.restart()) == ["Restarting qmtwist"]
    asked = (home.parent / "asked").read_text().splitlines()
    assert asked == ["cat qmtwist.service", "start qmtwist.service", "restart qmtwist.service"]
    with pytest.raises(keepers.Trouble, match=r"systemctl stop .* ended with status 5"):
        list(keeper.stop())


def test_the_unit_of_another_home_is_not_ours(home: Path) -> None:
    other = home.parent / "other"
    other.mkdir()
    assert type(keepers.keeper(str(other))) is keepers.ByHand


@pytest.mark.parametrize("name", ["my mail", "50%", "it's", 'a"b'])
def test_a_home_is_found_in_the_unit_that_setup_wrote_for_it(home: Path, name: str) -> None:
    odd = home.parent / name
    odd.mkdir()
    (home.parent / "unit").write_text(boot.units(str(odd))["qmtwist.service"])
    (home.parent / "tools" / "systemctl").write_text(f"#!/bin/sh\ncat {home.parent}/unit\n")
    assert isinstance(keepers.keeper(str(odd)), keepers.Systemd)
    assert type(keepers.keeper(str(home))) is keepers.ByHand


def test_a_unit_that_is_not_understood_serves_nobody(home: Path) -> None:
    (home.parent / "tools" / "systemctl").write_text(f'#!/bin/sh\necho "ExecStart=\'x --home {home}"\n')
    assert type(keepers.keeper(str(home))) is keepers.ByHand


def test_without_a_running_systemd_its_unit_is_not_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keepers, "SYSTEMD", str(home / "absent"))
    assert type(keepers.keeper(str(home))) is keepers.ByHand


def test_a_supervised_directory_counts_where_nobody_else_serves(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = home / "supervise" / "qmail-send"
    (service / "supervise").mkdir(parents=True)
    (service / "run").touch()
    (home / "supervise" / "notes").mkdir()
    assert type(keepers.keeper(str(home))) is keepers.Systemd
    fifo = str(service / "supervise" / "ok")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    assert isinstance(keepers.keeper(str(home)), keepers.Supervised)
    os.close(reader)
    monkeypatch.setattr(keepers, "SYSTEMD", str(home / "absent"))
    keeper = keepers.keeper(str(home))
    assert isinstance(keeper, keepers.Supervised)
    assert list(keeper.start()) == ["Starting qmail", "qmail-send supervise not running"]
    with pytest.raises(keepers.Trouble, match="does supervise run there"):
        list(keeper.stop())


def test_cdb_rebuilds_the_rules_of_tcpserver(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """S069."""
    (home / "bin").mkdir()
    launchers.write_launchers(str(home))
    rules = home / "tcp.smtp"
    monkeypatch.setattr(qmailctl, "RULES", str(rules))
    assert qmailctl.main([b"cdb"], str(home)) == 111  # there are none
    rules.write_text('127.:allow,RELAYCLIENT=""\n:allow\n')
    assert qmailctl.main([b"cdb"], str(home)) == 0
    assert capsys.readouterr().out == f"Reloaded {rules}.\n"
    made = home / "tcp.smtp.cdb"
    before = made.read_bytes()
    assert b"RELAYCLIENT" in before and made.stat().st_mode & 0o7777 == 0o644
    rules.write_text("127.:nonsense\n")
    assert qmailctl.main([b"cdb"], str(home)) == 111
    assert made.read_bytes() == before

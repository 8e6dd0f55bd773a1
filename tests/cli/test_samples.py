"""etc/: the samples can be used as they are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from qmtwist.rules import peers

ETC = Path(__file__).parent.parent.parent / "etc"


def test_the_sample_rules_let_this_host_relay_and_everybody_connect() -> None:
    rules = peers.parse((ETC / "tcprules").read_bytes())
    for own in (b"127.0.0.1", b"::1"):
        assert peers.lookup(rules, own, None, None).variables == {b"RELAYCLIENT": b""}
    stranger = peers.lookup(rules, b"192.0.2.9", None, None)
    assert (stranger.is_denied, dict(stranger.variables)) == (False, {})


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (ETC / "systemd" / "qmtwist.service").read_text()
    assert "/opt/qmtwist/bin/twistd" in text
    unit = tmp_path / "qmtwist.service"
    unit.write_text(text.replace("/opt/qmtwist/bin/twistd", "/bin/true"))
    ended = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "qmtwist.service" not in ended.stderr, ended.stderr

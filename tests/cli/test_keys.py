"""What `qmtwist check` says about our own certificate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.cli.control import keys
from qmtwist.control.identity import make_identity


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    (tmp_path / "queue").mkdir()
    (tmp_path / "control/me").write_text("hub.example\n")
    return tmp_path


def said(home: Path) -> list[str]:
    return [line.removeprefix(f"{home}/control/") for line in keys.problems(str(home))]


def test_nothing_is_wrong_without_a_certificate_that_nobody_wants(home: Path) -> None:
    assert said(home) == []


def test_a_service_inside_tls_wants_one(home: Path) -> None:
    (home / "control/listenqmtps").write_text("tcp:6209\n")
    want = "servercert.pem: is wanted by the services inside TLS and does not exist: "
    assert said(home) == [f"{want}qmtwist tlskey --home {home}"]
    make_identity(str(home), f"{home}/control/servercert.pem", "hub.example")
    assert said(home) == []


def test_one_that_is_named_and_not_there_is_missed(home: Path) -> None:
    (home / "control/tlscert").write_text("control/ours.pem\n")
    assert said(home) == [f"ours.pem: is named in control and does not exist: qmtwist tlskey --home {home}"]


def test_a_key_for_everybody_is_none(home: Path) -> None:
    path = f"{home}/control/servercert.pem"
    make_identity(str(home), path, "hub.example")
    os.chmod(path, 0o644)
    (line,) = said(home)
    assert line.startswith("servercert.pem: can be read by everybody: chgrp ") and line.endswith(f"chmod 640 {path}")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to root")
def test_a_key_that_the_server_cannot_read_is_of_no_use(home: Path) -> None:
    make_identity(str(home), f"{home}/control/servercert.pem", "hub.example")
    os.chmod(f"{home}/control/servercert.pem", 0o600)
    (line,) = said(home)
    assert line.startswith("servercert.pem: cannot be read by qmailq and qmailr: chgrp ")


def test_complaints_about_control_are_for_others_to_tell(home: Path) -> None:
    (home / "control/tlspolicy").write_text("nonsense\n")
    assert said(home) == []

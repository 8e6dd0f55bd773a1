"""What the agents' tests share: homes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.courier_place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    home, mail_home = tmp_path / "joe", tmp_path / "mail"
    for name in ("tmp", "new", "cur"):
        (home / "Maildir" / name).mkdir(parents=True)
    home.chmod(0o755)
    (mail_home / "bin").mkdir(parents=True)
    (mail_home / "bin" / "qmail-queue").write_text("#!/bin/sh\ncat >message; cat <&1 >envelope\n")
    (mail_home / "bin" / "qmail-queue").chmod(0o755)
    report = os.open(tmp_path / "report", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    yield Place(home, mail_home, report)
    os.close(report)

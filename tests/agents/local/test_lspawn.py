"""The classic spawner, spoken to as qmail-send does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from qmtwist.store.queue.layout import DIRECTORIES, SPLIT, SPLIT_DIRECTORIES
from tests.support.localhome import MESSAGE, LocalHome


class Spawner:
    """A home with a queue in which message 23 waits."""

    def __init__(self, top: str) -> None:
        self.home = LocalHome(top)
        for name in DIRECTORIES:
            os.makedirs(f"{self.home.path}/queue/{name}")
        for name in SPLIT_DIRECTORIES:
            for part in range(SPLIT):
                os.makedirs(f"{self.home.path}/queue/{name}/{part}")
        Path(self.home.path, "queue/mess/0/23").write_bytes(MESSAGE)

    def run(self, commands: bytes) -> bytes:
        """The bytes that it answers, without the greeting."""
        program = f"{self.home.path}/bin/qmail-lspawn"
        done = subprocess.run(
            [program, "./Maildir/"], input=commands, capture_output=True, env={"PATH": "/usr/bin:/bin"}, timeout=30
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout[:1] == b"x"  # 120 at a time
        return done.stdout[1:]


@pytest.fixture
def spawner(open_directory: str) -> Spawner:
    return Spawner(open_directory)


def test_a_delivery_is_made_as_the_user_and_reported(spawner: Spawner) -> None:
    assert spawner.run(b"\x070/23\0s@x\0joe@h\0") == b"\x07Kdid 1+0+0\n\0"
    assert spawner.home.delivered() == [b"Return-Path: <s@x>\nDelivered-To: joe@h\n" + MESSAGE]
    (name,) = os.listdir(f"{spawner.home.joe}/Maildir/new")
    assert os.stat(f"{spawner.home.joe}/Maildir/new/{name}").st_uid == spawner.home.uid


def test_qmail_local_gets_its_arguments_and_a_clean_environment(spawner: Spawner) -> None:
    spawner.home.install("qmail-local", '#!/bin/sh\nprintf "[%s]" "$@"\nenv | sed "s/=.*//" | sort | tr "\\n" " "\n')
    report = spawner.run(b"\x000/23\0s@x\0Joe-Ext@h\0")
    assert report.startswith(f"\0K[--][joe][{spawner.home.joe}][Joe-Ext][-][Ext][h][s@x][./Maildir/]".encode())
    assert set(report.partition(b"/]")[2].strip(b"\0 ").split()) <= {b"PATH", b"PWD", b"QMTWIST_HOME", b"SHLVL", b"_"}


def test_what_is_wrong_is_reported_for_each_order(spawner: Spawner) -> None:
    spawner.home.assign(spawner.home.lines("joe", spawner.home.joe) + spawner.home.lines("toor", "/root", uid=0))
    reports = spawner.run(
        b"\x000/24\0s\0joe@h\0\x010/23\0s\0@h\0\x020/23\0s\0toor@h\0\x030/23\0s\0joe-none@h\0\x040/23\0s"
    )
    assert sorted(reports.split(b"\0", 1)[1].replace(b"\0", b"|").split(b"|")) == [
        b"",
        b"\x01K",
        b"\x02ZNot allowed to perform deliveries as root.\n",
        b"\x03DSorry, no mailbox here by that name. (#5.1.1)\n",
        b"Zqmail-spawn unable to open message. (#4.3.0)\n",
    ]


def test_without_qmail_local_the_mail_waits(spawner: Spawner) -> None:
    os.unlink(f"{spawner.home.path}/bin/qmail-local")
    assert spawner.run(b"\x000/23\0s\0joe@h\0") == b"\0ZUnable to run qmail-local.\n\0"

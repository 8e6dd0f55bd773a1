"""A trial beside a running mail server, and what the documents in the home say."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import smtplib
import subprocess
import sys

import pytest

from tests.support import privately
from tests.support.daemon import LIMIT_S, TOP, Daemon, Home, environment, running
from tests.support.town import town

pytestmark = pytest.mark.system

READ_ONLY, REMOUNT = 1, 32
WRITABLE = ("ext4", "xfs", "btrfs", "overlay", "tmpfs", "zfs")  # file systems that somebody could write to
FLOWS = {  # the nine pictures of qmail's documents
    "local2local": "From a user to a user of the same host",
    "local2rem": "From a user to another host",
    "rem2local": "From another host to a user",
    "relaybad": "A relay that is not wanted",
    "relaygood": "A relay that is wanted",
    "local2alias": "To an alias",
    "local2ext": "To an extension of a user",
    "local2virt": "To a virtual domain",
    "nullclient": "Through a null client",
}


def close_all_but(directory: str) -> None:
    """Enter a name space in which nothing but this directory can be written to."""
    if not privately.enter():
        raise OSError("no private name spaces here")
    privately.bind(directory, directory)
    with open("/proc/self/mounts", encoding="utf-8") as stream:
        mounts = [line.split()[1:3] for line in stream]
    for place in {place for place, kind in mounts if kind in WRITABLE and place != directory}:
        flags = REMOUNT | privately.BIND | READ_ONLY
        if privately._libc.mount(None, os.fsencode(place), None, flags, None) and place == "/":
            raise OSError(ctypes.get_errno(), f"cannot close {place}")


def tree(directory: str) -> set[tuple[str, int, int]]:
    """What lies there, with times and sizes."""
    found = set()
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(f"{folder}/{name}")
                found.add((f"{folder}/{name}", status.st_mtime_ns, status.st_size))
    return found


def send(server: Daemon) -> None:
    """A message to alice, and wait for it."""
    server.home.messages("alice")
    with smtplib.SMTP("127.0.0.1", server.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        client.sendmail("s@far.example", [server.home.address("alice")], "Subject: x\r\n\r\nbody\r\n")
    server.wait_for_messages("alice", 1)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: an ordinary user can write to little else anyway")
def test_it_can_be_tried_beside_a_running_mail_server(open_directory: str) -> None:
    """S016: set up, run and used while all of the machine but its own directory is read-only; another server runs."""
    homes = []
    for name in ("other", "trial"):
        os.mkdir(f"{open_directory}/{name}")
        os.chmod(f"{open_directory}/{name}", 0o755)
        homes.append(Home(f"{open_directory}/{name}", ("alice",), f"{name}.example"))
    other, trial = homes
    other.make()
    with running(Daemon(other)) as old:
        before = tree(f"{other.path}/control") | tree(f"{other.path}/users") | tree(f"{other.path}/bin")
        words = [sys.executable, "-m", "qmtwist.cli.main", "setup", "--home", trial.path, "--host", trial.host]
        mine = f"{open_directory}/trial"
        probe = [
            "/bin/sh",
            "-c",
            f"! touch {open_directory}/x /etc/x /var/x /dev/shm/x && touch {mine}/x && rm {mine}/x",
        ]
        subprocess.run(probe, check=True, stderr=subprocess.DEVNULL, preexec_fn=lambda: close_all_but(mine))
        ended = subprocess.run(
            words, capture_output=True, text=True, cwd=TOP, env=environment(), preexec_fn=lambda: close_all_but(mine)
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        trial.make()
        new = Daemon(trial)
        new.before_exec = lambda: close_all_but(mine)
        with running(new):
            send(new)
            assert other.messages("alice") == []
            send(old)
        assert len(trial.messages("alice")) == 1 == len(other.messages("alice"))
        assert tree(f"{other.path}/control") | tree(f"{other.path}/users") | tree(f"{other.path}/bin") == before


def test_the_home_has_the_answers_and_the_nine_pictures() -> None:
    """S013: doc/ has the FAQ, how to install and take over, and how a letter goes, each with its parts in order."""
    with town("joe") as made:
        names = {
            os.path.relpath(f"{folder}/{name}", made.path)
            for folder, _, all_ in os.walk(f"{made.path}/doc")
            for name in all_
        }
        for name in ("howto/faq.md", "howto/switch-over.md", "howto/migrate.md", "tutorial/first-message.md"):
            assert f"doc/{name}" in names
        with open(f"{made.path}/doc/explanation/pictures.md", encoding="utf-8") as stream:
            text = stream.read()
    pictures = dict(re.findall(r"^## ([^\n]*)\n+```text\n(.*?)^```$", text, re.M | re.S))
    assert sorted(pictures) == sorted(FLOWS.values())
    for flow, title in FLOWS.items():
        wanted = ["553"] if flow == "relaybad" else ["qmail-qmqpd"] if flow == "nullclient" else []
        wanted += ["qmail-rspawn"] if flow in ("local2rem", "relaygood") else []
        wanted += (
            ["qmail-local"] if flow in ("local2local", "rem2local", "local2alias", "local2ext", "local2virt") else []
        )
        assert wanted and all(word in pictures[title] for word in wanted), flow

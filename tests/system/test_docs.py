"""Every command in the README and the tutorial works as it is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from tests.support.daemon import LIMIT_S, TOP, environment, free_port, mail_owner
from tests.support.typist import type_into

pytestmark = [pytest.mark.system, pytest.mark.slow]

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
LISTENERS = {"listensmtp": 2525, "listenpop3": 2110}
# Safe to say again until it works: what they look for may take a moment to come.
PATIENT = ("curl", "grep", "ls", "cat", "tail", "~/post/bin/qmail-qstat")
IN_A_CLONE = ("make ",)


def commands(path: str) -> list[str]:
    """The commands of a document, in order."""
    with open(os.path.join(TOP, path), encoding="utf-8") as stream:
        blocks = BLOCK.findall(stream.read())
    lines = [line for block in blocks for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines), "a console block shows commands only"
    return [line[2:] for line in lines]


class Reader:
    """Somebody who types the commands of a document into one shell, as an ordinary user with an empty home."""

    def __init__(self, directory: str) -> None:
        self.home = os.path.join(directory, "reader")
        self._ports = {str(port): str(free_port()) for port in LISTENERS.values()}
        programs = os.path.join(directory, "programs")
        for path in (self.home, programs):
            os.mkdir(path)
        with open(os.path.join(programs, "qmtwist"), "w", encoding="ascii") as stream:
            stream.write(f'#!/bin/sh\nexec {sys.executable} -m qmtwist.cli.main "$@"\n')
        os.chmod(os.path.join(programs, "qmtwist"), 0o755)
        uid, gid = mail_owner()
        os.chown(self.home, uid, gid)
        path = f"{programs}:{os.path.dirname(sys.executable)}:/usr/bin:/bin"
        # Without a listed account a shell has no name; the documents need none.
        is_root = os.geteuid() == 0
        self._shell: subprocess.Popen[str] = subprocess.Popen(
            ["/bin/bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.home,
            env={**environment(), "HOME": self.home, "PATH": path},
            start_new_session=True,
            user=uid if is_root else None,
            group=gid if is_root else None,
            extra_groups=[] if is_root else None,
        )

    def type(self, command: str) -> str:
        """Type a command and read its output; it must succeed, some of them after a moment."""
        for ours, free in self._ports.items():
            command = command.replace(ours, free)
        deadline = time.monotonic() + LIMIT_S
        while True:
            status, output = type_into(self._shell, command)
            if status == 0:
                break
            is_worth_it = command.startswith(PATIENT) and time.monotonic() < deadline
            assert is_worth_it, f"$ {command}\n{output}[exit {status}]"
            time.sleep(0.1)
        if "setup" in command:
            self._choose_ports()
        if command.endswith("&"):
            self.type("grep -q '^status: local' ~/post/log")
        return output

    def _choose_ports(self) -> None:
        """The ports that setup writes may be taken on this machine."""
        for name, port in LISTENERS.items():
            with open(f"{self.home}/post/control/{name}", "r+", encoding="ascii") as stream:
                text = stream.read().replace(str(port), self._ports[str(port)])
                stream.seek(0)
                stream.truncate()
                stream.write(text)

    def leave(self) -> int:
        """Log out after everything in the background has ended; the shell's exit status."""
        assert self._shell.stdin is not None and self._shell.stdout is not None
        self._shell.stdin.write("wait\n")
        self._shell.stdin.close()
        status = self._shell.wait(LIMIT_S)
        self._shell.stdout.close()
        return status


@pytest.mark.parametrize("path", ["README.md", "docs/tutorial/first-message.md"])
def test_the_commands_of_a_document_work(path: str, open_directory: str) -> None:
    reader = Reader(open_directory)
    told = [command for command in commands(path) if not command.startswith(IN_A_CLONE)]
    assert len(told) >= 6
    outputs = {command: reader.type(command) for command in told}
    assert reader.leave() == 0
    with open(f"{reader.home}/post/log", encoding="latin-1") as stream:
        assert stream.read().rstrip().endswith("status: exiting")
    if "tutorial" in path:
        assert "Subject: hello" in next(text for command, text in outputs.items() if "pop3:" in command)
        assert "refused" in next(text for command, text in outputs.items() if "nobody-of-that-name" in command)


def test_the_readme_shows_the_two_commands() -> None:
    shown = [command for command in commands("README.md") if command.startswith("make ")]
    assert shown == ["make demo", "make test"]
    make = shutil.which("make")
    if make is None:
        pytest.skip("make is not installed")
    ended = subprocess.run([make, "-n", "demo", "test"], cwd=TOP, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_the_demonstration_ends_well_by_itself(open_directory: str) -> None:
    """Run on a copy, as whoever runs the tests; `make demo` does the same after making its environment."""
    copy = os.path.join(open_directory, "copy")
    os.mkdir(copy)
    for name in ("qmtwist", "twisted", "scripts"):
        shutil.copytree(os.path.join(TOP, name), os.path.join(copy, name), ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, os.path.join(copy, "scripts/demo.py")]
    ended = subprocess.run(
        command, env={**environment(), "PYTHONPATH": copy, "ONCE": "1"}, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "> Subject: The first letter" in ended.stdout
    assert "delivery 1: success" in ended.stdout


def test_every_link_in_the_documents_leads_somewhere() -> None:
    broken = []
    places = [TOP, os.path.join(TOP, "bench"), os.path.join(TOP, "changes")]
    places += [directory for directory, _, _ in os.walk(os.path.join(TOP, "docs"))]
    for place in places:
        for name in os.listdir(place):
            if not name.endswith(".md"):
                continue
            with open(os.path.join(place, name), encoding="utf-8") as stream:
                for link in re.findall(r"\]\(([^)#\s]+)", stream.read()):
                    if "://" not in link and not os.path.exists(os.path.join(place, link)):
                        broken.append(f"{os.path.relpath(place, TOP)}/{name}: {link}")
    assert broken == []

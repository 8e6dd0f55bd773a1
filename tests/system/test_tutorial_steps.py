"""docs/tutorial/test-steps.md, docs/howto/migrate.md and the program of docs/explanation/checkpassword.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import LIMIT_S, NOWHERE, TOP, environment, free_port
from tests.support.processes import kill_all, tree
from tests.support.town import Town, town
from tests.support.typist import type_into

pytestmark = [pytest.mark.system, pytest.mark.slow]

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
PATIENT = ("grep", "cat ", "ps ")  # what they look for takes a moment to come


def told(page: str, part: str = "") -> list[tuple[str, str]]:
    """Prompt and command of the lines to type, of a page or of what stands below one of its headings."""
    with open(f"{TOP}/docs/{page}.md", encoding="utf-8") as stream:
        text = stream.read()
    if part:
        (text,) = re.findall(rf"^{part}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    assert all(line[:2] in ("# ", "$ ") for line in lines), "a console block shows commands only"
    return [(line[0], line[2:]) for line in lines]


class Screen:
    """A shell of root's and one of joe's on a town's host."""

    def __init__(self, place: Town) -> None:
        self.town = place
        self.port = free_port()
        place.write("control/listensmtp", f"tcp:{self.port}:interface=127.0.0.1\n")
        place.write("control/listenpop3", "")
        place.write("control/smtproutes", NOWHERE)
        self._shells = {"#": self._shell(None), "$": self._shell("joe")}

    def _shell(self, user: str | None) -> subprocess.Popen[str]:
        place = self.town
        more = {"HOME": place.directory(user), "USER": user} if user else {}
        scripts = os.path.dirname(sys.executable)
        return subprocess.Popen(
            ["/bin/bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=place.directory(user) if user else place.path,
            env={**environment(), **more, "PATH": f"{place.path}/bin:{scripts}:/usr/sbin:/usr/bin:/sbin:/bin"},
            start_new_session=True,
            preexec_fn=place.before_exec(user),
        )

    def type(self, prompt: str, command: str) -> str:
        """Type it; it must succeed, some after a moment."""
        typed = command.replace("/var/qmail", self.town.path).replace("127.0.0.1 25", f"127.0.0.1 {self.port}")
        deadline = time.monotonic() + LIMIT_S
        while True:
            status, output = type_into(self._shells[prompt], typed)
            if status == 0:
                return output
            is_worth_it = command.startswith(PATIENT) and time.monotonic() < deadline
            assert is_worth_it, f"{prompt} {typed}\n{output}[exit {status}]"
            time.sleep(0.1)

    def leave(self) -> None:
        """End what runs, and the shells."""
        for shell in self._shells.values():
            kill_all([*tree(shell.pid)])
            shell.wait(LIMIT_S)
            for stream in (shell.stdin, shell.stdout):
                assert stream is not None
                stream.close()


@pytest.fixture
def screen() -> Iterator[Screen]:
    with town("joe", host="post.example") as place:
        if not place.is_real:
            pytest.skip("needs root and name spaces: root's and joe's commands are typed")
        made = Screen(place)
        try:
            yield made
        finally:
            made.leave()


@pytest.mark.root
def test_the_steps_of_the_old_tests_work(screen: Screen) -> None:
    """S307."""
    steps = told("tutorial/test-steps")
    assert len(steps) > 20
    for prompt, command in steps:
        said = screen.type(prompt, command)
        if command == "cat ~/MYGROUPS":
            assert said == "people\n"
        if "rcpt <joe@" in command:
            assert [line[:3] for line in said.splitlines()] == ["220", "250", "250", "250", "354", "250", "221"]
        if "qmail-rspawn" in command:
            assert said.startswith("qmailr ")


SENDMAIL = {
    "local-host-names": "# names\npost.example\nold.example\n",
    "relay-domains": "relay.example\n192.0.2\n198.51.100.7\n",
    "access": "From:bad@spam.example REJECT\nConnect:192.0.2 RELAY\n",
    "mailertable": "inner.example\tsmtp:[10.0.0.5]\n.far.example esmtp:hub.example\n",
    "virtusertable": "info@virt.example\tjoe\n@virt.example\tjoe\n",
}


@pytest.mark.root
def test_sendmails_files_become_control_files(screen: Screen) -> None:
    """S283."""
    made = screen.town
    os.mkdir(f"{made.path}/mail")
    for name, text in SENDMAIL.items():
        made.write(f"mail/{name}", text)
    made.write("control/smtproutes", "")
    made.write("aliases", "root: joe\n")
    for _, command in told("howto/migrate", "## From sendmail"):
        screen.type("#", command)
    control = {name: made.read_control(name).splitlines() for name in os.listdir(f"{made.path}/control")}
    assert "old.example" in control["locals"]
    assert {"old.example", "relay.example", "virt.example"} <= set(control["rcpthosts"])
    assert {f'{net}:allow,RELAYCLIENT=""' for net in ("192.0.2.", "198.51.100.7")} <= set(control["tcprules"])
    assert control["badmailfrom"] == ["bad@spam.example"]
    assert control["smtproutes"] == ["inner.example:[10.0.0.5]", ".far.example:hub.example"]
    assert control["virtualdomains"] == ["virt.example:alias"]
    assert control["defaultdelivery"] == ["|dot-forward .forward", "./Maildir/"]
    shown = made.run("/bin/sh", "-c", f"{made.path}/bin/printforward < {made.path}/aliases.cdb")
    assert "info@virt.example" in shown and "@virt.example" in shown


@pytest.mark.root
def test_postfixs_settings_become_control_files(screen: Screen) -> None:
    """S283, with a postconf that says what Postfix's would."""
    made = screen.town
    said = (
        "mydestination) echo 'old.example, $myhostname localhost';;\nrelayhost) echo '[relay.example]:587';;\n"
        "message_size_limit) echo 10240000;;\nmynetworks) echo '127.0.0.0/8 10.1.2.0/24';;"
    )
    made.write("bin/postconf", f"#!/bin/sh\ncase $2 in\n{said}\nesac\n")
    os.chmod(f"{made.path}/bin/postconf", 0o755)
    made.write("control/smtproutes", "")
    for _, command in told("howto/migrate", "## From Postfix")[:-1]:
        screen.type("#", command)
    control = {name: made.read_control(name).splitlines() for name in os.listdir(f"{made.path}/control")}
    assert "old.example" in control["locals"] and "old.example" in control["rcpthosts"]
    assert control["smtproutes"] == [":relay.example:587"] and control["databytes"] == ["10240000"]
    assert control["tcprules"][-3:] == [
        '127.0.0.0/8:allow,RELAYCLIENT=""',
        '10.1.2.0/24:allow,RELAYCLIENT=""',
        ":allow",
    ]
    os.unlink(f"{made.path}/bin/postconf")
    assert made.check() == ""


def test_the_example_of_a_password_program_works(tmp_path: Path) -> None:
    """S298: name and password on descriptor 3; 1 for wrong ones, the next program in its place for right ones."""
    with open(f"{TOP}/docs/explanation/checkpassword.md", encoding="utf-8") as stream:
        (text,) = re.findall(r"^```python\n(.*?)^```$", stream.read(), re.M | re.S)
    program = tmp_path / "program"
    program.write_text(text.replace("/usr/bin/python3", sys.executable).replace("/home/joe", str(tmp_path)))
    program.chmod(0o755)
    for password, status, said in (("secret", 0, f"joe {tmp_path}\n"), ("wrong", 1, "")):
        typed = f"printf 'joe\\0{password}\\0x\\0' | {program} sh -c 'echo $USER $HOME' 3<&0"
        ended = subprocess.run(["/bin/bash", "-c", typed], capture_output=True, text=True)
        assert (ended.returncode, ended.stdout, ended.stderr) == (status, said, "")

"""Every command of the page about supervision works, typed in order by root on a host of its own.

Only the paths are others: /var/qmail, /service and /var/log/qmail are in the test's directory.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time

import pytest

from tests.support.daemon import TOP, environment
from tests.support.network import private_network
from tests.support.processes import kill_all, tree
from tests.support.town import town
from tests.support.typist import type_into

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.root]

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
LIMIT_S = 60.0
# Said again until they work: what they look for takes a moment to come.
PATIENT = ("svok", "svstat", "grep", "tai64nlocal", "ls")


def commands() -> list[str]:
    """The commands of the page in order."""
    with open(f"{TOP}/docs/howto/supervision.md", encoding="utf-8") as stream:
        lines = [line for block in BLOCK.findall(stream.read()) for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines), "a console block shows commands only"
    return [line[2:] for line in lines]


def test_the_commands_of_the_page_work() -> None:
    with private_network(), town("joe", host="mail.example") as place:
        if not place.is_real:
            pytest.skip("no private name spaces here")
        path = f"{place.path}/bin:{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin"
        shell: subprocess.Popen[str] = subprocess.Popen(
            ["/bin/bash", "--norc"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=place.top, env={**environment(), "PATH": path}, start_new_session=True,
            preexec_fn=place.before_exec(),
        )  # fmt: skip
        names = {
            "/var/log/qmail": f"{place.top}/log",
            "/var/qmail": place.path,
            " /service": f" {place.top}/service",
        }
        said = {}
        try:
            for command in commands():
                typed = command
                for name, replacement in names.items():
                    typed = typed.replace(name, replacement)
                deadline = time.monotonic() + LIMIT_S
                while True:
                    status, said[command] = type_into(shell, typed)
                    if status == 0:
                        break
                    is_worth_it = command.startswith(PATIENT) and time.monotonic() < deadline
                    assert is_worth_it, f"$ {typed}\n{said[command]}[exit {status}]"
                    time.sleep(0.1)
        finally:
            type_into(shell, f"svc -dxk {shlex.quote(place.path)}/supervise/qmail-send{{,/log}}")
            kill_all([*tree(shell.pid)])
            shell.wait(LIMIT_S)
            for stream in (shell.stdin, shell.stdout):
                assert stream is not None
                stream.close()
        (states,) = [text for command, text in said.items() if command.endswith("qmail-send /service/qmail-send/log")]
        assert states.count(": up (pid ") == 2

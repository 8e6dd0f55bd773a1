"""etc/Containerfile makes a mail server: its steps are taken on a machine of one's own, without a network.

Only two things differ: Python is the one at hand, and its packages lie where the tests have them, since there is nobody
to fetch them from.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import sysconfig
from collections.abc import Iterator

import pytest

from tests.support.daemon import TOP
from tests.support.ownmachine import Machine, machine
from tests.support.processes import kill_all, tree
from tests.support.remote import wait_until

pytestmark = [pytest.mark.system, pytest.mark.root, pytest.mark.slow]

STEP = re.compile(r"^([A-Z]+) (.*)$")
BLOCK = re.compile(r"^```text\n(.*?)^```$", re.M | re.S)
TWISTD = "#!/opt/qmtwist/bin/python\nfrom twisted.scripts.twistd import run\nrun()\n"
SEND = """
import smtplib
client = smtplib.SMTP("127.0.0.1", 25, "localhost", 30)
client.sendmail("s@far.example", ["ann@mail.example.org"], "Subject: x\\r\\n\\r\\nbody\\r\\n")
"""


def steps() -> list[tuple[str, str]]:
    """The instructions of the file, in order."""
    with open(f"{TOP}/etc/Containerfile", encoding="ascii") as stream:
        text = re.sub(r"\\\n *", "", re.sub(r"^#.*\n", "", stream.read(), flags=re.M))
    found = [STEP.match(line) for line in text.splitlines() if line]
    assert all(found), text
    return [(step[1], step[2]) for step in found if step]


def commands() -> list[str]:
    """What docs/howto/container.md types, in order."""
    with open(f"{TOP}/docs/howto/container.md", encoding="utf-8") as stream:
        return [line for block in BLOCK.findall(stream.read()) for line in block.splitlines()]


def take(box: Machine, kind: str, words: str) -> None:
    """Take a step of the recipe."""
    quiet = (
        "unset PYTHONPATH; export PIP_NO_INDEX=1 PIP_NO_BUILD_ISOLATION=false PIP_DISABLE_PIP_VERSION_CHECK=1; cd /;"
    )
    if kind == "RUN":
        box.shell(quiet + words.replace("python3 -m venv", f"{os.path.realpath(sys.executable)} -m venv"))
        if "-m venv" in words:
            packages = sysconfig.get_paths()["purelib"]
            box.shell(f"cd /opt/qmtwist/lib/python*/site-packages && echo {packages} > ours.pth")
            box.run("/usr/bin/tee", "/opt/qmtwist/bin/twistd", text=TWISTD)
            box.shell("chmod 755 /opt/qmtwist/bin/twistd")
    elif kind == "COPY":
        *sources, goal = words.split()
        box.shell(
            f"mkdir -p {goal}; cd {TOP}; "
            + "".join(f"cp -rT {s} {goal}; " if os.path.isdir(f"{TOP}/{s}") else f"cp {s} {goal}; " for s in sources)
        )
    elif kind == "VOLUME":
        box.shell(f"mkdir -p {words}")
    else:
        assert kind in ("FROM", "ENV", "EXPOSE", "STOPSIGNAL", "CMD"), kind


@pytest.fixture
def box() -> Iterator[Machine]:
    with machine() as made:
        made.shell("rm -rf /var/qmail /opt/qmtwist")
        made.shell(
            "for name in alias qmaild qmaill qmailp qmailq qmailr qmails; do userdel $name 2>/dev/null || :; done"
        )
        made.shell("for name in nofiles qmail; do groupdel $name 2>/dev/null || :; done")
        yield made


def test_the_recipe_makes_a_server_that_delivers(box: Machine) -> None:
    """S310: built, started, given a user as docs/howto/container.md has it, written to, stopped."""
    told = steps()
    for kind, words in told:
        take(box, kind, words)
    (path,) = [words.removeprefix("PATH=") for kind, words in told if kind == "ENV"]
    (command,) = [words for kind, words in told if kind == "CMD"]
    inside = f"unset PYTHONPATH; cd /; export MAILHOST=mail.example.org PATH={path}; "
    start = shlex.split(command.strip("[]").replace(",", " "))
    assert start[:2] == ["/bin/sh", "-c"]
    with box.start("/bin/sh", "-c", f"{inside} exec >/var/log/mail-test 2>&1; {start[2]}") as server:
        try:
            live(box, inside)
            server.terminate()
            assert server.wait(30) == 0
        finally:
            kill_all([*tree(server.pid)])
    assert box.shell("cat /home/ann/Maildir/new/*").endswith("\nbody\n")
    assert "podman stop -t 30 mail" in commands()


def live(box: Machine, inside: str) -> None:
    """What is typed while it runs."""
    wait_until(lambda: ":25 " in box.run("ss", "-ltn"), lambda: box.run("cat", "/var/log/mail-test"))
    executed = [line.partition(" mail ")[2] for line in commands() if line.startswith("podman exec ")]
    assert len(executed) == 5
    for line in executed:
        box.run("/bin/sh", "-ec", inside + line, text="secret\nsecret\n")
    box.run("/opt/qmtwist/bin/python", "-c", SEND)
    wait_until(lambda: box.run("ls", "/home/ann/Maildir/new"), lambda: box.run("cat", "/var/log/mail-test"))


def test_the_image_is_named_as_the_page_names_it() -> None:
    assert "podman build -t qmtwist -f etc/Containerfile ." in commands()
    assert all(
        os.path.exists(f"{TOP}/{source}") for kind, words in steps() if kind == "COPY" for source in words.split()[:-1]
    )

"""The pages on starting at boot and on copies of every message: their commands, typed as they stand."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.logbook.logto import read_log_to
from tests.support.daemon import TOP, TWISTD, environment, free_port
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

HOWTO = Path(TOP) / "docs" / "howto"
# What belongs to the machine: root of a real one types these.
OF_THE_MACHINE = (
    "systemctl ",
    "update-rc.d ",
    "ln -s /var/qmail/supervise",
    *(f"cp /var/qmail/boot/{name}" for name in ("init", "qmtwist")),
)


@pytest.fixture
def made() -> Iterator[Town]:
    with town("joe") as place:
        place.write("control/listensmtp", f"tcp:{free_port()}:interface=127.0.0.1\n")
        place.write("control/listenpop3", "")
        yield place
        place.attempt("qmailctl", "stop")


def commands(page: str, heading: str = "") -> list[str]:
    """The indented lines of a page, or of one of its sections."""
    text = (HOWTO / page).read_text(encoding="utf-8")
    if heading:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^    (.+)$", text, re.MULTILINE)


def type_them(made: Town, lines: list[str]) -> list[str]:
    """Type them in a shell, for this home; what was typed."""
    mine = [line for line in lines if not line.startswith(OF_THE_MACHINE)]
    for line in mine:
        typed = f'PATH="{made.path}/bin:$PATH"; ' + line.replace("/var/qmail", made.path)
        ended = made.attempt("/bin/sh", "-c", typed)
        assert ended.returncode == 0, (line, ended)
    return mine


def test_an_init_script_or_nothing(made: Town) -> None:
    typed = type_them(made, commands("start-at-boot.md", "An init script, or nothing"))
    assert typed == ["cp /var/qmail/boot/server /var/qmail/rc", "qmailctl start"]
    Office(made).queue("joe@test.example")
    wait_until(lambda: made.messages("joe"))
    assert len(type_them(made, commands("start-at-boot.md", "Every day"))) == 5


def test_the_log_is_where_the_page_says(made: Town) -> None:
    serve, rotate, show, journal = commands("start-at-boot.md", "Where the log goes")
    names = {"/var/log/qmtwist": f"{made.top}/log", "/run/qmtwist.pid": f"{made.top}/pid", "/var/qmail": made.path}

    def here(line: str) -> str:
        for name, replacement in names.items():
            line = line.replace(name, replacement)
        return line.replace("twistd -n", f"exec {TWISTD} -n")

    with subprocess.Popen(["sh", "-c", here(serve)], env=environment(), preexec_fn=made.before_exec()) as server:
        try:
            wait_until(lambda: "status: local 0/10 " in made.attempt("sh", "-c", here(show)).stdout.decode())
            assert made.attempt("sh", "-c", here(rotate)).returncode == 0
            wait_until(lambda: any(name.startswith("@") for name in os.listdir(f"{made.top}/log")))
        finally:
            server.terminate()
    assert server.returncode == 0
    words = here(journal).split()
    assert read_log_to(words[words.index("--log-to") + 1]).path == "/run/systemd/journal/socket"


def test_the_service_directory(made: Town) -> None:
    assert len(type_them(made, commands("start-at-boot.md", "A supervise"))) == 2
    run = f"{made.path}/supervise/qmtwist/run"
    assert os.access(run, os.X_OK)
    assert b"qmtwist supervise not running" in made.attempt("qmailctl", "start").stdout


def test_the_files_of_the_page_are_there(made: Town) -> None:
    named = set(re.findall(r"/var/qmail/boot/(\S+)", (HOWTO / "start-at-boot.md").read_text()))
    assert len(named) == 5 and named <= set(os.listdir(f"{made.path}/boot"))
    samples = Path(TOP) / "etc"
    assert all((samples / place).is_file() for place in ("systemd/qmtwist.service", "init.d/qmtwist"))


def test_a_copy_of_every_message(made: Town) -> None:
    type_them(made, ["cp /var/qmail/boot/server /var/qmail/rc", "qmailctl start"])
    assert len(type_them(made, commands("copy-every-message.md"))) == 3
    log = Path(made.path) / "alias" / "msg-log"
    office = Office(made)

    def is_copied() -> bool:  # once the reload has come
        office.queue("joe@test.example")
        return log.exists() and b"Subject: x\n" in log.read_bytes()

    wait_until(is_copied)

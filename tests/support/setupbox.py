"""A machine of one's own on which `qmtwist setup --system` is tried: without a mail home, with another mail server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.support.ownmachine import TOP, Machine, machine

H = "dolphin.example.com"
HOME = "/var/qmail"
# What the tools of the system keep beside what they change, and what a server that runs writes.
BESIDE = ("/etc/.pwd.lock", "/etc/subuid", "/etc/subgid", "/etc/rc", "/etc/postfix", "/var/lib/dpkg/lock", "/var/log")
BESIDE += ("/var/lib/dpkg/diversions-old", "/var/lib/postfix", "/var/spool", "/var/cache", "/var/mail", TOP)
PLACES = ("/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases")


@contextlib.contextmanager
def bare() -> Iterator[Machine]:
    """One without a mail home."""
    with machine() as made:
        made.shell(f"rm -rf {HOME}")
        yield made


def changes(box: Machine) -> dict[str, str]:
    """Everything in which the machine is not the one it was: path, and what is there instead."""
    found = box.changes()
    return {path: what for path, what in found.items() if not path.startswith(BESIDE) and not path.endswith("-")}


def setup(box: Machine, *words: str) -> str:
    """A run that ends well; what it said."""
    ended = box.qmtwist("setup", *words)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def need_mta(box: Machine) -> None:
    """Another mail server: Postfix, or something that is no package."""
    if box.attempt("test", "-e", "/usr/sbin/sendmail").returncode:
        box.shell("printf '#!/bin/sh\\n' >/usr/sbin/sendmail; chmod 4755 /usr/sbin/sendmail")

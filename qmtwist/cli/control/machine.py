"""This machine as `qmtwist setup --system` finds it: its tools, its other mail servers, what stands in our places."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Container, Iterator
from qmtwist.rules.machine import accounts as tools_of
from qmtwist.rules.machine import rivals
from qmtwist.rules.machine.ports import Claim, colliding
from qmtwist.rules.machine.rivals import Place

from . import listening

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
SYSTEMD = "/run/systemd/system"  # there if systemd runs this machine
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where root's programs are: what `su` leaves as PATH may lack half of it."""
SMTP_PORT = 25


def has(program: str) -> bool:
    """Whether a program is here."""
    return shutil.which(program, path=PATH) is not None


def run(words: list[str]) -> tuple[int, str]:
    """A command's exit status and what it says; 127 if there is no such program. Its language is that of programs."""
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C"}
    with tempfile.TemporaryFile("w+", errors="replace") as said:  # a pipe could be held by a server that it starts
        try:
            status = subprocess.call(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment)
        except OSError as trouble:
            return 127, f"{words[0]}: {trouble.strerror}"
        said.seek(0)
        return status, said.read()


def account_tools() -> str | None:
    """Which tools make accounts here; see `rules/machine/accounts`."""
    text = ""
    for path in OS_RELEASE:
        with suppress(OSError), open(path, encoding="utf-8", errors="replace") as stream:
            text = text or stream.read()
    return tools_of.tools(text, has)


# -- other mail servers


def packages() -> list[str]:
    """Installed packages that are mail servers."""
    found = []
    if has("dpkg-query"):
        found = rivals.debian_packages(run(rivals.DEBIAN_QUERY)[1])
    if has("rpm") and not found:
        found = rivals.rpm_packages(run(rivals.RPM_QUERY)[1])
    return found


def init() -> str:
    """Who starts and stops services: systemd, or update-rc.d or chkconfig beside scripts; or scripts alone, `""`."""
    if os.path.isdir(SYSTEMD) and has("systemctl"):
        return "systemd"
    return next((name for name in ("update-rc.d", "chkconfig") if has(name)), "")


def state_of(service: str, kind: str) -> str | None:
    """What a service is: `enabled`, `active`, both with a comma, or neither; None: there is no such service."""
    if kind == "systemd":
        is_active = not run(["systemctl", "is-active", "--quiet", service])[0]
        return rivals.systemd_state(run(["systemctl", "is-enabled", service])[1], is_active)
    if not os.access(f"/etc/init.d/{service}", os.X_OK):
        return None
    is_enabled = any(_starts(f"/etc/{place}", service) for place in ("rc2.d", "rc3.d", "rc.d/rc3.d"))
    is_active = not run([f"/etc/init.d/{service}", "status"])[0]
    return ",".join(word for word, holds in (("enabled", is_enabled), ("active", is_active)) if holds)


def _starts(directory: str, service: str) -> bool:
    with suppress(OSError):
        return any(name[:1] == "S" and name[3:] == service for name in os.listdir(directory))
    return False


def smtp_holders(home: str, server: int) -> list[listening.Holder]:
    """Who but the server of this home listens on port 25."""
    there = colliding(Claim("0.0.0.0", SMTP_PORT), listening.all_listeners())
    there += [found for found in colliding(Claim("::", SMTP_PORT), listening.all_listeners()) if found not in there]
    return listening.strangers(there, home, server)


# -- places


def places(home: str, programs: Container[str]) -> list[Place]:
    """The paths that become links to programs of the home, of those that it has, and what is there now."""
    return list(_places(home, programs))


def _places(home: str, programs: Container[str]) -> Iterator[Place]:
    seen = set()
    wanted = {**rivals.LINKS, **rivals.IF_THERE}
    for path, program in [(path, program) for path, program in wanted.items() if program in programs]:
        directory, _, name = path.rpartition("/")
        same = (os.path.realpath(directory), name)  # /usr/sbin may be /usr/bin under another name
        if not os.path.isdir(directory) or same in seen or (path in rivals.IF_THERE and not os.path.lexists(path)):
            continue
        seen.add(same)
        yield look(Place(path, f"{home}/bin/{program}"))


def look(place: Place) -> Place:
    """The same place as it is now."""
    directory = os.path.dirname(place.path)
    taken = tuple(os.listdir(directory))
    try:
        found = os.lstat(place.path)
    except FileNotFoundError:
        return place._replace(taken=taken)
    link = os.readlink(place.path) if stat.S_ISLNK(found.st_mode) else None
    is_packaged = has("dpkg-query") and has("dpkg-divert") and not run(["dpkg-query", "-S", place.path])[0]
    mode = stat.S_IMODE(found.st_mode) if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 else None
    return Place(place.path, place.target, True, link, mode, is_packaged, taken)

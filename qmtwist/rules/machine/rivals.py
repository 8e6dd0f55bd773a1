"""Other mail servers: what tells of them, what stops them, and which of their files ours take the place of.

(Life with qmail §2.8.3; dpkg-query(1), rpm(8), systemctl(1))
"""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

DEBIAN_QUERY = ["dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Status}\\t${Provides}\\n"]
DEBIAN_WORD = "mail-transport-agent"
RPM_QUERY = ["rpm", "-q", "--qf", "%{NAME}\\n", "--whatprovides", "MTA", "smtpdaemon", "server(smtp)"]

SERVICES = (
    ("exim", ("exim4", "exim")),
    ("sendmail", ("sendmail", "sm-client")),
    ("opensmtpd", ("opensmtpd", "smtpd")),
    ("citadel", ("citadel",)),
    ("courier", ("courier-mta", "courier")),
)
"""What the services of a package are called, by the beginning of its name; elsewhere as the package."""

LINKS = {
    "/usr/sbin/sendmail": "sendmail",
    "/usr/lib/sendmail": "sendmail",
    "/usr/bin/mailq": "mailq",
    "/usr/bin/newaliases": "newaliases",
}
"""What programs of this machine call, and the program in HOME/bin that it becomes a link to."""
IF_THERE = {"/usr/sbin/mailq": "mailq", "/usr/sbin/newaliases": "newaliases"}
"""The same, where something of this name is there."""


class Place(NamedTuple):
    """One of these paths, and what is there."""

    path: str
    target: str  # what our link there says
    is_there: bool = False
    link: str | None = None  # what a symbolic link there says
    mode: int | None = None  # of what is there; None for what keeps its mode: a link, or a file with other names
    is_packaged: bool = False  # a package of Debian brings it
    taken: tuple[str, ...] = ()  # names beside it that are not free

    @property
    def is_ours(self) -> bool:
        """Whether our link is there."""
        return self.link == self.target


def debian_packages(said: str) -> list[str]:
    """Installed packages that are mail servers, in what `DEBIAN_QUERY` prints.

    >>> debian_packages("postfix\\tinstalled\\tdefault-mta, mail-transport-agent\\nvim\\tinstalled\\t\\n")
    ['postfix']
    """
    found = []
    for line in said.splitlines():
        name, _, rest = line.partition("\t")
        status, _, provided = rest.partition("\t")
        words = {word.split(" ")[0] for word in provided.split(", ")}
        if status in ("installed", "unpacked", "half-configured") and DEBIAN_WORD in words:
            found.append(name)
    return sorted(found)


def rpm_packages(said: str) -> list[str]:
    """The same in what `RPM_QUERY` prints: a name a line, and sentences about what nobody provides.

    >>> rpm_packages("postfix\\nno package provides smtpdaemon\\npostfix\\n")
    ['postfix']
    """
    return sorted({line for line in said.splitlines() if line and " " not in line})


def services(package: str) -> tuple[str, ...]:
    """The services that a package may have.

    >>> services("exim4-daemon-light"), services("postfix")
    (('exim4', 'exim'), ('postfix',))
    """
    return next((names for start, names in SERVICES if package.startswith(start)), (package,))


def aside(place: Place) -> str:
    """Where what is there is kept: under its name with `.old` behind it, as the documents have it, or a free one.

    >>> aside(Place("/usr/sbin/sendmail", "", taken=("sendmail.old",)))
    '/usr/sbin/sendmail.old.1'
    """
    name = place.path.rpartition("/")[2]
    number, wanted = 0, f"{name}.old"
    while wanted in place.taken:
        number += 1
        wanted = f"{name}.old.{number}"
    return place.path.removesuffix(name) + wanted


def divert(path: str, aside: str) -> list[str]:
    """The command after which a package's file of this path is unpacked as `aside`."""
    return ["dpkg-divert", "--quiet", "--local", "--no-rename", "--divert", aside, "--add", path]


def undivert(path: str, aside: str) -> list[str]:
    """The command that takes `divert` back."""
    return ["dpkg-divert", "--quiet", "--local", "--no-rename", "--divert", aside, "--remove", path]


def stop(service: str, init: str, was: str) -> list[list[str]]:
    """The commands that stop a service and, if it was enabled, keep it from starting at boot.

    `init` is systemd, or update-rc.d or chkconfig for a machine whose services are scripts in /etc/init.d; `was` as
    in `resume`.
    """
    disable = {
        "systemd": ["systemctl", "disable", service],  # with --now it forgets to stop what is an init script
        "update-rc.d": ["update-rc.d", service, "disable"],
        "chkconfig": ["chkconfig", service, "off"],
    }
    first = ["systemctl", "stop", service] if init == "systemd" else [f"/etc/init.d/{service}", "stop"]
    return [first, *([disable[init]] if "enabled" in was.split(",") and init in disable else [])]


def systemd_state(said: str, is_active: bool) -> str | None:
    """What a service is, by what `systemctl is-enabled` says on both descriptors; as `resume` takes it. None: there is
    none of this name. Of an init script it says more than one line.

    >>> systemd_state("enabled\\n", False), systemd_state("disabled\\n", True), systemd_state("not-found\\n", False)
    ('enabled', 'active', None)
    """
    lines = said.splitlines()
    if not lines or "not-found" in lines or "No such file" in said:
        return None
    states = (("enabled", "enabled" in lines), ("active", is_active))
    return ",".join(word for word, holds in states if holds)


def resume(service: str, init: str, was: str) -> list[list[str]]:
    """The commands that bring a service back to what it was: `enabled`, `active`, both with a comma, or neither."""
    states = was.split(",")
    enable = {
        "systemd": ["systemctl", "enable", service],
        "update-rc.d": ["update-rc.d", service, "enable"],
        "chkconfig": ["chkconfig", service, "on"],
    }
    start = ["systemctl", "start", service] if init == "systemd" else [f"/etc/init.d/{service}", "start"]
    commands = [enable[init]] if "enabled" in states and init in enable else []
    return commands + ([start] if "active" in states else [])

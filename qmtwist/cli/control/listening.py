"""Which processes listen on this machine, and what they are to us. (proc(5); Linux)"""

from __future__ import annotations

import os
import pwd

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import NamedTuple
from qmtwist.rules.machine.ports import Listener, listeners

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
SUPER_SERVERS = ("inetd", "xinetd")
THEIR_FILES = ("/etc/inetd.conf", "/etc/inetd.d", "/etc/xinetd.conf", "/etc/xinetd.d")


class Holder(NamedTuple):
    """A process that has a listening socket; pid 0: nobody tells us which."""

    pid: int
    name: str  # as ps shows it; of an unknown process its user
    command: str  # its command line
    service: str = ""  # the service of systemd that it belongs to

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.name} (pid {self.pid})" if self.pid else f"a process of {self.name}"

    def mending(self, port: int) -> str:
        """The command that frees the port."""
        if not self.pid:
            return f"see who it is, as root: ss -ltnp 'sport = :{port}'"
        if self.pid == 1:
            return "systemctl list-sockets, and systemctl disable --now what listens there"
        if self.service:
            return f"systemctl stop {self.service} && systemctl disable {self.service}"
        return f"kill {self.pid}"


def all_listeners() -> list[Listener]:
    """Every listening TCP socket; none where the kernel does not tell."""
    found: list[Listener] = []
    for path in TABLES:
        with suppress(OSError), open(path, encoding="ascii") as stream:
            found += listeners(stream.read())
    return found


def holders(sockets: list[Listener]) -> list[Holder]:
    """The processes that have these sockets, each once; those of other users only for root."""
    wanted = {f"socket:[{socket.inode}]": socket.uid for socket in sockets}
    found: dict[int, Holder] = {}
    told: set[str] = set()
    for pid in _processes() if wanted else ():
        links = wanted.keys() & _links(pid)
        if links:
            found[pid] = _holder(pid)
            told |= links
    unknown = {uid for link, uid in wanted.items() if link not in told}
    return [found[pid] for pid in sorted(found)] + [Holder(0, _user(uid), "") for uid in sorted(unknown)]


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _links(pid: int) -> set[str]:
    """What the descriptors of a process are; nothing if it is another user's."""
    links = set()
    with suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):  # closed a moment ago
                links.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    return links


def _holder(pid: int) -> Holder:
    name = command = service = ""
    with suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
        name = stream.read().strip()
    with suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="surrogateescape") as stream:
        command = stream.read().replace("\0", " ").strip()
    with suppress(OSError), open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as stream:
        service = service_of(stream.read())
    return Holder(pid, name, command, service)


def service_of(groups: str) -> str:
    r"""The service of systemd, by a process's control groups; empty: it belongs to none.

    >>> service_of("0::/system.slice/system-postfix.slice/postfix@-.service\n"), service_of("0::/init.scope\n")
    ('postfix', '')
    """
    for line in groups.splitlines():
        last = line.strip().rpartition("/")[2]
        if last.endswith(".service"):
            return last.removesuffix(".service").partition("@")[0]
    return ""


def serves(holder: Holder, home: str, server: int) -> bool:
    """Whether this process listens for a home: its server (a process id), systemd with the socket of our unit, or a
    tcpserver or inetd that runs programs of the home.
    """
    if holder.pid and holder.pid == server:
        return True
    if holder.pid == 1 and holder.name == "systemd":
        return os.path.exists("/run/systemd/system") and _has_socket_unit()
    if holder.name in SUPER_SERVERS:
        return any(f"{home}/bin/" in _text(path) for path in THEIR_FILES)
    return f"{home}/bin/" in holder.command


def strangers(sockets: list[Listener], home: str, server: int) -> list[Holder]:
    """The processes that have sockets which nobody has for this home, each once.

    A socket of ours may be held by more, for a moment: by a child of systemd that is about to become another program.
    """
    found: dict[Holder, None] = {}
    for socket in sockets:
        held = holders([socket])
        if not any(serves(holder, home, server) for holder in held):
            found.update(dict.fromkeys(held))
    return list(found)


def _has_socket_unit() -> bool:
    """Whether systemd listens for us, by the links that `systemctl enable` makes."""
    for place in ("/etc/systemd/system/sockets.target.wants", "/run/systemd/system"):
        with suppress(OSError):
            if any(name.startswith("qmtwist") and name.endswith(".socket") for name in os.listdir(place)):
                return True
    return False


def _text(path: str) -> str:
    """What is in a file, or in the files of a directory; nothing if it cannot be read."""
    with suppress(OSError):
        if os.path.isdir(path):
            return "".join(_text(f"{path}/{name}") for name in os.listdir(path))
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    return ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"

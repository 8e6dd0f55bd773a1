"""A mail home with one user's account in users/cdb, and workers to talk to. Runs as root and as anybody else."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.rules.users import Account, assign_records
from qmtwist.store import cdb
from qmtwist.wire import spawn

UNUSED_ID = 54321
MESSAGE = b"Subject: test\n\nbody\n"
PATIENCE_S = 10.0


def identity() -> tuple[int, int]:
    """The uid and gid to deliver for: an unused one as root, else our own."""
    return (UNUSED_ID, UNUSED_ID) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


class LocalHome:
    """`joe` has a Maildir by default; `joe-EXT` is served by the .qmail files in his home."""

    def __init__(self, top: str) -> None:
        self.path = f"{top}/mail"
        self.joe = f"{top}/joe"
        os.mkdir(self.path)
        write_launchers(self.path)
        for name in ("users", "alias", "control"):
            os.mkdir(f"{self.path}/{name}")
        self.uid, self.gid = identity()
        self.make_directory("")
        self.make_maildir("Maildir")
        self.assign(self.lines("joe", self.joe))

    def lines(self, user: str, home: str, uid: int | None = None) -> str:
        """The assignments of a user with a home, with extensions."""
        middle = f":{user}:{self.uid if uid is None else uid}:{self.gid}:{home}:"
        return f"={user}{middle}::\n+{user}-{middle}-::\n"

    def assign(self, text: str) -> None:
        """Make users/cdb out of these lines."""
        lines = [line + b"\n" for line in (text + ".").encode().split(b"\n")]
        cdb.write(f"{self.path}/users/cdb", f"{self.path}/users/cdb.tmp", list(assign_records(lines)))

    def account(self, ext: bytes | None = None) -> Account:
        """joe's account, as a lookup would find it."""
        dash = b"" if ext is None else b"-"
        return Account(b"joe", self.uid, self.gid, self.joe.encode(), dash, ext or b"")

    def make_directory(self, name: str, mode: int = 0o755) -> str:
        """A directory of joe's."""
        path = f"{self.joe}/{name}".rstrip("/")
        os.mkdir(path)
        self._give(path, mode)
        return path

    def make_maildir(self, name: str) -> None:
        """A maildir of joe's."""
        for part in ("", "/tmp", "/new", "/cur"):
            self.make_directory(name + part, 0o700)

    def write(self, name: str, text: str, mode: int = 0o644) -> str:
        """A file of joe's, such as `.qmail-list`."""
        path = f"{self.joe}/{name}"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        self._give(path, mode)
        return path

    def install(self, name: str, text: str) -> None:
        """Put another program in the place of bin/NAME."""
        path = f"{self.path}/bin/{name}"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, 0o755)

    def delivered(self, maildir: str = "Maildir") -> list[bytes]:
        """The messages in new/, in order of their content."""
        directory = f"{self.joe}/{maildir}/new"
        found = []
        for name in os.listdir(directory):
            with open(f"{directory}/{name}", "rb") as stream:
                found.append(stream.read())
        return sorted(found)

    def _give(self, path: str, mode: int) -> None:
        os.chmod(path, mode)
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


class Line:
    """The daemon's end of a socket to an agent or worker: frames out, frames in, with patience."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._reader = spawn.FrameReader()
        self._frames: list[spawn.Frame] = []
        self.descriptors: list[int] = []

    def send(self, kind: bytes, number: int, payload: bytes = b"", descriptor: int | None = None) -> None:
        """Send a frame."""
        data = spawn.frame(kind, number, payload)
        if descriptor is not None:
            data = data[socket.send_fds(self.socket, [data], [descriptor]) :]
        self.socket.sendall(data)

    def deliver(self, number: int, local: bytes, message: bytes = MESSAGE, sender: bytes = b"s@example.org") -> None:
        """Order a delivery."""
        self.socket.sendall(spawn.encode_order(number, spawn.DeliverOrder(sender, local, b"example.net", message)))

    def receive(self) -> spawn.Frame:
        """The next frame; an error when none comes."""
        while not self._frames:
            assert select.select([self.socket], [], [], PATIENCE_S)[0], "nothing came"
            data, descriptors, _, _ = socket.recv_fds(self.socket, 65536, 16)
            self.descriptors += descriptors
            assert data, "the other side has hung up"
            self._frames += self._reader.receive(data)
        return self._frames.pop(0)

    def is_at_end(self) -> bool:
        """Whether the other side hangs up without another word."""
        assert select.select([self.socket], [], [], PATIENCE_S)[0], "nothing came"
        return not self._frames and not self.socket.recv(1)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()


def start(work: Callable[[int], None]) -> tuple[int, Line]:
    """Fork a process that runs `work` with its end of a socket; its pid and our end."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            ours.close()
            work(theirs.detach())
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    theirs.close()
    return pid, Line(ours)

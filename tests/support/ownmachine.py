"""A machine of one's own: the whole file tree with a layer above it that takes all changes, and a network without
neighbours. Root sets up, replaces and removes there what he likes; nothing of it is left. Needs root, and overlayfs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pytest

from tests.support import privately
from tests.support.daemon import TOP

NEW_NETWORK, RECURSIVE = 0x40000000, 16384
PLACES = ("proc", "dev", "sys")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = sys.executable

# What the layer holds, beside the same path below it.
CHANGES = """
import hashlib, os, stat, sys
layer, root = sys.argv[1:]
def look(path):
    try: found = os.lstat(path)
    except OSError: return ""
    what = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid}"
    if stat.S_ISLNK(found.st_mode): what += " " + os.readlink(path)
    if stat.S_ISREG(found.st_mode):
        with open(path, "rb") as stream: what += " " + hashlib.file_digest(stream, "md5").hexdigest()
    return what
for place, folders, files in os.walk(layer):
    for name in (*folders, *files):
        path = os.path.join(place, name).removeprefix(layer)
        there = look(root + path)
        if there != look(path): print(path, there, sep="\\t")
"""

_libc = ctypes.CDLL(None, use_errno=True)


class NoMachine(Exception):
    """This one does not let us."""


def _mount(source: str, target: str, kind: str | None, flags: int = 0, data: str = "") -> None:
    words = [os.fsencode(word) if word is not None else None for word in (source, target, kind)]
    if _libc.mount(*words, flags, data.encode()):
        raise NoMachine(f"cannot mount {target}: {os.strerror(ctypes.get_errno())}")


class Machine:
    """A private tree in `root`; commands are run inside it."""

    def __init__(self, directory: str) -> None:
        self.root = f"{directory}/root"
        self._directory = directory
        made, release = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            text = "?"
            try:
                self._build()
                text = "y"
            except (NoMachine, OSError) as trouble:
                text = str(trouble)
            os.write(made[1], text.encode())
            os.close(release[1])
            os.read(release[0], 1)
            os._exit(0)
        os.close(made[1])
        said = os.read(made[0], 1000).decode()
        self._spaces = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in ("mnt", "net")]
        for descriptor in (made[0], *release):
            os.close(descriptor)
        os.waitpid(pid, 0)
        if said != "y":
            raise NoMachine(said)

    def _build(self) -> None:
        if not privately.enter() or _libc.unshare(NEW_NETWORK):
            raise NoMachine("no private name spaces here")
        _mount("layer", self._directory, "tmpfs", data="mode=755")
        for name in ("root", "upper", "work"):
            os.mkdir(f"{self._directory}/{name}")
        layers = f"lowerdir=/,upperdir={self._directory}/upper,workdir={self._directory}/work"
        _mount("overlay", self.root, "overlay", data=layers)
        for name in PLACES:
            _mount(f"/{name}", f"{self.root}/{name}", None, privately.BIND | RECURSIVE)
        for name in ("run", "tmp"):
            _mount(name, f"{self.root}/{name}", "tmpfs", data="mode=1777" if name == "tmp" else "mode=755")
        for path in (TOP, sys.prefix, sys.base_prefix):  # the checkout and its Python, wherever they are mounted
            if not os.path.exists(self.root + path):
                os.makedirs(self.root + path)
                _mount(path, self.root + path, None, privately.BIND | RECURSIVE)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def enter_spaces(self) -> None:
        """Where the tree is, beside the one below it."""
        for descriptor in self._spaces:
            if _libc.setns(descriptor, 0):
                raise OSError(ctypes.get_errno(), "cannot enter")

    def enter(self) -> None:
        """What a new process does before it becomes a program."""
        self.enter_spaces()
        os.chroot(self.root)
        os.chdir("/")

    def changes(self) -> dict[str, str]:
        """Everything in which the tree is not the one below the layer: path, and what is there now, `""` for nothing.

        A file that was written with what it said before is not changed.
        """
        words = [PYTHON, "-c", CHANGES, f"{self._directory}/upper", self.root]
        text = subprocess.run(words, preexec_fn=self.enter_spaces, check=True, capture_output=True, text=True).stdout
        return dict(line.split("\t") for line in text.splitlines())

    def run(self, *words: str, text: str = "", may_fail: bool = False) -> str:
        """A command; what it said on both descriptors."""
        ended = self.attempt(*words, text=text)
        assert may_fail or not ended.returncode, f"{words} ended with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout

    def attempt(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """The same, whatever its end is."""
        with tempfile.TemporaryFile("w+", errors="replace") as said:  # not a pipe, which a server would hold
            ended = subprocess.run(words, input=text, stdout=said, stderr=subprocess.STDOUT, text=True, timeout=120,
                                   preexec_fn=self.enter, env=environment())  # fmt: skip
            said.seek(0)
            return subprocess.CompletedProcess(words, ended.returncode, said.read(), "")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that goes on."""
        return subprocess.Popen(words, preexec_fn=self.enter, env=environment(), stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def qmtwist(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One of our commands."""
        return self.attempt(PYTHON, "-m", "qmtwist.cli.main", *words)

    def shell(self, script: str) -> str:
        """A script, to its good end."""
        return self.run("/bin/sh", "-ec", script)

    def close(self) -> None:
        """Give it back; it ends with its last process."""
        for descriptor in self._spaces:
            os.close(descriptor)


def environment() -> dict[str, str]:
    """Root's, as after a login."""
    return {"PATH": PATH, "PYTHONPATH": TOP, "HOME": "/root", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """A fresh one; skips where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    directory = tempfile.mkdtemp(prefix="qmtwist-machine-", dir="/var/tmp")
    try:
        made = Machine(directory)
    except NoMachine as trouble:
        shutil.rmtree(directory, ignore_errors=True)
        pytest.skip(f"no machine of one's own here: {trouble}")
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)

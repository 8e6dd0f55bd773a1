"""A machine that is booted: its own systemd is process 1 of a name space of processes. Needs root, and cgroup2."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support.ownmachine import Machine, environment

SYSTEMD = "/lib/systemd/systemd"
START_S, STOP_S = 20.0, 60.0
# $1: the tree, $2: where its console goes, $3: a name for its control group.
BOOT = r"""
set -e
groups=$(mktemp -d /run/qmtwist-groups.XXXXXX)
mount -t cgroup2 none "$groups"
mkdir "$groups/$3"
echo $$ > "$groups/$3/cgroup.procs"
umount "$groups"
rmdir "$groups"
exec unshare --cgroup --pid --fork --kill-child --uts --ipc --mount --propagation private sh -ec '
    mount -t proc proc "$1/proc"
    mount -t sysfs sysfs "$1/sys"
    mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 run "$1/run"
    mount -t tmpfs -o mode=755 dev "$1/dev"
    mkdir "$1/dev/pts" "$1/dev/shm"
    for name in null zero full random urandom tty console ptmx; do : > "$1/dev/$name"; done
    for name in null zero full random urandom tty; do mount --bind "/dev/$name" "$1/dev/$name"; done
    mount --bind "$2" "$1/dev/console"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$1/dev/pts"
    mount --bind "$1/dev/pts/ptmx" "$1/dev/ptmx"
    mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
    : > "$1/etc/machine-id"
    mkdir -p "$1/below"
    cd "$1"
    pivot_root . below
    umount -l /below
    exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=console
' sh "$1" "$2"
"""


class Booted:
    """One run of a machine, from its start to its end."""

    def __init__(self, box: Machine, console: str) -> None:
        self._box = box
        self._console = console
        self._group = f"qmtwist-{os.getpid()}-{time.monotonic_ns()}"
        with open(console, "wb"):
            pass
        words = ["sh", "-c", BOOT, "sh", box.root, console, self._group]
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=box.enter_spaces, env=environment(),
        )  # fmt: skip
        self._first = self._find_first()

    def _find_first(self) -> int:
        """The process id out here of its process 1, once it takes orders; skips where this machine does not let it."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{self._process.pid}/task/{self._process.pid}/children", encoding="ascii") as stream:
                    first = int(stream.read().split()[0])
                with open(f"/proc/{first}/comm", encoding="ascii") as stream:
                    is_systemd = stream.read() == "systemd\n"
                if is_systemd and os.path.exists(f"/proc/{first}/root/run/systemd/private"):
                    return first
            time.sleep(0.02)
        self.power_off()
        with open(self._console, encoding="utf-8", errors="replace") as stream:
            pytest.skip(f"systemd does not start in a name space here: {stream.read()[-300:]}")

    def attempt(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command in there, whatever its end is; what it said on both descriptors."""
        inside = ["nsenter", "--target", str(self._first), "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup"]
        return subprocess.run([*inside, "--", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120, cwd="/", env=environment())  # fmt: skip

    def run(self, *words: str) -> str:
        """A command that ends well."""
        ended = self.attempt(*words)
        assert ended.returncode == 0, (words, ended.stdout, self.log())
        return ended.stdout

    def shell(self, script: str) -> str:
        """A script, to its good end."""
        return self.run("/bin/sh", "-ec", script)

    def log(self) -> str:
        """What the journal has of our units."""
        return self.attempt("journalctl", "--no-pager", "-n", "60", "-u", "qmtwist*").stdout

    def shut_down(self) -> None:
        """As `poweroff` does it: every unit is stopped."""
        self.attempt("systemctl", "poweroff")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.power_off()

    def power_off(self) -> None:
        """Pull the plug: no process of it is left."""
        self._process.kill()  # its child goes with it (--kill-child), and with process 1 all others
        with self._process:
            pass
        self._remove_group()

    def _remove_group(self) -> None:
        script = 'd=$(mktemp -d /run/qmtwist-groups.XXXXXX); mount -t cgroup2 none "$d"; '
        script += f'find "$d/{self._group}" -depth -type d -exec rmdir {{}} +; umount "$d"; rmdir "$d"'
        for _ in range(50):
            words = ["unshare", "--mount", "sh", "-c", script]
            if not subprocess.run(words, stderr=subprocess.DEVNULL).returncode:
                return
            time.sleep(0.05)


@contextlib.contextmanager
def booted(box: Machine) -> Iterator[Booted]:
    """The machine, running; its plug is pulled at the end if nobody shut it down."""
    for program in (SYSTEMD, "/usr/bin/nsenter", "/usr/bin/unshare"):
        if not os.path.exists(program):
            pytest.skip(f"{program} is not here")
    console = f"/run/qmtwist-console-{os.getpid()}"
    try:
        made = Booted(box, console)
        try:
            yield made
        finally:
            if made._process.poll() is None:
                made.power_off()
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(console)

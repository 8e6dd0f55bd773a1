"""Where measurements are made: a journalled ext4 image of their own, seen by nobody else.

As root the program enters a private mount name space and mounts there a loop image with direct I/O, so that a sync
costs what it costs on a disk and nothing stays mounted afterwards; /etc/passwd gains the account `bench` and qmail's
for this process and its children only. Otherwise a plain temporary directory is used, and the results say so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import privately
from tests.support.processes import end_in_order

USER, UID, GID = "bench", 12399, 12399
IMAGE_BYTES = 6 << 30


class Place(NamedTuple):
    """A directory to work in, what it stands on, and whether we may use other accounts."""

    directory: str
    description: str
    is_root: bool
    account: str  # whose Maildir receives
    uid: int
    gid: int

    @property
    def user_home(self) -> str:
        """The receiving account's home directory."""
        return f"{self.directory}/home"


def add_accounts(base: str, directory: str) -> None:
    """Let this name space know the account `bench`, and qmail's."""
    bench = privately.Account(USER, UID, GID, f"{directory}/home")
    accounts = [bench, *privately.mail_accounts(f"{directory}/qmtwist")]
    privately.add_accounts(base, accounts, {USER: GID, **privately.MAIL_GROUPS})


def make_image(base: str, size: int) -> str:
    """Make an ext4 image, mount it below `base` through a loop device with direct I/O, and return the mount point."""
    image, point = f"{base}/image", f"{base}/disk"
    subprocess.run(["fallocate", "-l", str(size), image], check=True)
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-i", "8192", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True
    )
    os.mkdir(point)
    command = ["losetup", "--find", "--show", "--direct-io=on", image]
    device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    try:
        subprocess.run(["mount", "-t", "ext4", device, point], check=True)
    finally:
        # In use it is only marked: the kernel lets go of it when the name space ends, however that comes about.
        subprocess.run(["losetup", "--detach", device], check=True)
    os.chmod(point, 0o755)
    return point


def file_system(path: str) -> str:
    """The type of the file system a path stands on."""
    command = ["stat", "--file-system", "--format=%T", path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def open_place(size: int = IMAGE_BYTES) -> Iterator[Place]:
    """Make the place, and remove everything at the end. Call once per process: the name space stays."""
    end_in_order()
    base = tempfile.mkdtemp(prefix="qmtwist-bench-", dir=os.environ.get("BENCH_DIRECTORY", "/var/tmp"))
    os.chmod(base, 0o755)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            if not privately.enter():
                raise SystemExit(
                    "bench: root, but not allowed to mount: run it as another user, or outside the container"
                )
            directory = make_image(base, size)
            add_accounts(base, directory)
            place = Place(directory, "ext4 image, loop device, direct I/O", True, USER, UID, GID)
        else:
            description = f"{file_system(base)} below {base} (not root: no image of its own)"
            place = Place(base, description, False, "bench", os.getuid(), os.getgid())
        os.mkdir(place.user_home)
        os.chown(place.user_home, place.uid, place.gid)
        yield place
    finally:
        if is_root:
            subprocess.run(["umount", "--lazy", f"{base}/disk"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(base, ignore_errors=True)

"""Small file systems in private name spaces: disks that can be filled. Needs root; nothing stays on the machine."""

from __future__ import annotations

import os
import subprocess

import pytest

PIECE = bytes(65536)


def mount_image(image: str, target: str, megabytes: int, *options: str) -> None:
    """Make an ext4 file system of this size in a file, and mount it; `options` are for mkfs.

    :raises CalledProcessError: no loop device, or no mkfs.
    """
    with open(image, "wb") as stream:
        stream.truncate(megabytes << 20)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    words = ["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", *options, image]
    subprocess.run(words, check=True, **quiet)  # type: ignore[call-overload]
    mounted = subprocess.run(["mount", "-o", "loop", image, target], **quiet)  # type: ignore[call-overload]
    if mounted.returncode != 0:
        pytest.skip("no loop devices here")
    os.chmod(target, 0o755)


def fill(path: str, leave: int = 0) -> None:
    """Write a file until the disk is full, then give back so many bytes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        size = 0
        for piece in (PIECE, PIECE[:4096], PIECE[:1]):
            while True:
                try:
                    size += os.write(descriptor, piece)
                except OSError:
                    break
        os.ftruncate(descriptor, max(0, size - leave))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def use_up_inodes(directory: str) -> int:
    """Make empty files until no more can be made; how many that were."""
    os.mkdir(directory)
    count = 0
    while True:
        try:
            os.close(os.open(f"{directory}/{count}", os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError:
            return count
        count += 1

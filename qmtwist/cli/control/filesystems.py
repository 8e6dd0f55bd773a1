"""What kind of file system a directory is on, as Linux lists them in /proc/self/mountinfo; elsewhere nobody knows."""

from __future__ import annotations

import os

MOUNTS = "/proc/self/mountinfo"
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.glusterfs", "fuse.sshfs"}


def network_kind(path: str) -> str | None:
    """The kind of the network file system that a path is on; None: on none, or nobody says."""
    try:
        with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as stream:
            kind = kind_of(os.path.realpath(path), stream.read())
    except OSError:
        return None
    return kind if kind in NETWORK else None


def kind_of(path: str, mounts: str) -> str:
    r"""The file system of an absolute path, by a list of mounts: the last one of those nearest to it. (proc(5))

    >>> kind_of("/home/joe", "1 0 0:1 / / rw - ext4 /dev/a rw\n2 1 0:2 / /home rw - nfs4 srv:/h rw\n")
    'nfs4'
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 5 or not rest:
            continue
        point = _plain(words[4])
        is_above = point == "/" or path == point or path.startswith(f"{point}/")
        if is_above and len(point) >= len(best):
            best, kind = point, rest.split(" ", 1)[0]
    return kind


def _plain(point: str) -> str:
    """Without the octal forms of blank, tab, line feed and backslash."""
    for octal, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(octal, character)
    return point

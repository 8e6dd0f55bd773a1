"""A disk that remembers: one file, served through FUSE, whose writes and flushes are appended to a log.

A loop device over that file turns a file system's block writes into FUSE writes and its barriers into fsyncs, in the
order in which the device saw them. That takes /dev/fuse, loop devices and root, but no kernel module of its own.

    python -m tests.torture.recorder IMAGE LOG FILE     (FILE, an existing empty file, becomes the recorded disk)

The log is a sequence of records: offset and length (8 bytes each, little-endian) and the bytes written; a flush has the
offset -1 and no bytes. The size of the log is the time in which everything else is counted.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from tests.support import privately

FLUSH = -1
RECORD = struct.Struct("<qq")

# linux/fuse.h: the few requests that a single regular file as the root of a file system gets.
FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC = 2, 3, 4, 14, 15, 16, 17, 18, 20
FUSE_FLUSH, INIT, INTERRUPT, DESTROY, BATCH_FORGET = 25, 26, 36, 38, 42
IN_HEADER = struct.Struct("<IIQQIIIHH")
OUT_HEADER = struct.Struct("<IiQ")
MAX_WRITE = 1 << 20
FOPEN_KEEP_CACHE = 2
MS_NOSUID_NODEV = 2 | 4
MNT_DETACH = 2


class Write(NamedTuple):
    """One write that reached the disk; `start` is where its record begins in the log."""

    start: int
    offset: int
    data: bytes


class Flush(NamedTuple):
    """Everything written before is durable from here on."""

    start: int


def read_log(path: str) -> Iterator[Write | Flush]:
    """The records of a log, in order; one cut short at the end is left out."""
    with open(path, "rb") as stream:
        start = 0
        while len(head := stream.read(RECORD.size)) == RECORD.size:
            offset, length = RECORD.unpack(head)
            if offset == FLUSH:
                yield Flush(start)
            else:
                data = stream.read(length)
                if len(data) < length:
                    return
                yield Write(start, offset, data)
            start += RECORD.size + length


class Disk:
    """The image and its log; answers one request after the other."""

    def __init__(self, image: str, log: str) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._size = os.fstat(self._image).st_size

    def attributes(self) -> bytes:
        """struct fuse_attr of the one file."""
        return struct.pack("<6Q10I", 1, self._size, self._size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, 4096, 0)

    def answer(self, opcode: int, body: bytes) -> bytes | int:
        """The reply's body, or a positive errno."""
        if opcode == INIT:
            # major, minor, readahead, flags, background, congestion, max_write, time granularity, pages, map alignment
            return struct.pack("<IIIIHHIIHH32x", 7, 31, 1 << 20, 1 << 5, 64, 48, MAX_WRITE, 1, 256, 0)
        if opcode in (GETATTR, SETATTR):
            return struct.pack("<QII", 1, 0, 0) + self.attributes()
        if opcode == OPEN:
            return struct.pack("<QII", 0, FOPEN_KEEP_CACHE, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return os.pread(self._image, size, offset)
        if opcode == WRITE:
            return self._write(body)
        if opcode == FSYNC:
            os.write(self._log, RECORD.pack(FLUSH, 0))
            return b""
        if opcode == STATFS:
            return struct.pack("<5Q4I24x", 1 << 20, 1 << 19, 1 << 19, 1, 0, 4096, 255, 4096, 0)
        return b"" if opcode in (RELEASE, FUSE_FLUSH, DESTROY) else errno.ENOSYS

    def _write(self, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        data = body[40 : 40 + size]
        os.pwrite(self._image, data, offset)
        os.writev(self._log, [RECORD.pack(offset, size), data])
        return struct.pack("<II", size, 0)


def attach(target: str) -> int:
    """Put a FUSE file system of one regular file on `target`; the descriptor to serve.

    :raises OSError: the kernel refused.
    """
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=100000,user_id=0,group_id=0,allow_other,max_read={MAX_WRITE}"
    if libc.mount(b"recorder", os.fsencode(target), b"fuse", MS_NOSUID_NODEV, options.encode()):
        raise OSError(ctypes.get_errno(), f"cannot mount FUSE on {target}")
    return device


def step_aside(target: str) -> None:
    """Leave the mounts of those who use the disk to them.

    So when they all have ended, however that came about, the kernel unmounts their file system while we still serve its
    disk, and then the disk itself, which ends us. Were we the last to hold these mounts, we would wait for ourselves.
    """
    if not privately.enter():
        raise OSError("not allowed to mount")
    if ctypes.CDLL(None).umount2(os.fsencode(target), MNT_DETACH):
        raise OSError(f"cannot unmount our own view of {target}")


def serve(device: int, disk: Disk) -> None:
    """Answer requests until the file system is unmounted."""
    while True:
        try:
            request = os.read(device, MAX_WRITE + 4096)
        except OSError as error:
            if error.errno == errno.ENODEV:  # unmounted
                return
            if error.errno in (errno.EINTR, errno.ENOENT):  # ENOENT: that request was taken back
                continue
            raise
        _, opcode, unique, *_ = IN_HEADER.unpack_from(request)
        if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        reply = disk.answer(opcode, request[IN_HEADER.size :])
        body, status = (b"", -reply) if isinstance(reply, int) else (reply, 0)
        os.write(device, OUT_HEADER.pack(OUT_HEADER.size + len(body), status, unique) + body)


def main(arguments: list[str]) -> int:
    """Serve one disk."""
    image, log, target = arguments
    disk = Disk(image, log)
    device = attach(target)
    step_aside(target)
    print("ready", flush=True)
    serve(device, disk)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run a checkpassword program: any authentication program of the qmail world. (checkpassword interface)

The program gets `name NUL secret NUL challenge NUL` on its descriptor 3, checks it, becomes the user and executes the
program named by its arguments. Exit 0: it did so, and that program ended well.
"""

from __future__ import annotations

import os

from qmtwist.mail.shapes import NoReturn

RECORD_LIMIT_BYTES = 512  # what checkpassword programs read


def make_record(name: bytes, secret: bytes, challenge: bytes) -> bytearray:
    """What a checkpassword program reads; a bytearray, so that it can be wiped.

    :raises ValueError: a NUL in a part would make another record of it.
    """
    if b"\0" in name or b"\0" in secret or b"\0" in challenge:
        raise ValueError("NUL in credentials")
    record = bytearray(name)
    for part in (b"\0", secret, b"\0", challenge, b"\0"):
        record += part
    return record


def wipe(record: bytearray) -> None:
    """Overwrite a record in place. (Copies that Python made on the way are out of our hands.)"""
    record[:] = bytes(len(record))


def start(command: list[bytes], record: bytearray) -> int:
    """Start `command` with the record on its descriptor 3; its process id. The record is wiped, whatever happens.

    It inherits descriptors 0 to 2 and whatever else is not close-on-exec. A program that cannot be run ends with
    exit status 1.
    :raises OSError: no pipe or no process is to be had.
    """
    try:
        reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            child = os.fork()
            if child == 0:
                _become(command, reading)
            _write(writing, record)
        finally:
            os.close(reading)
            os.close(writing)
    finally:
        wipe(record)
    return child


def run(command: list[bytes], record: bytearray) -> int:
    """Run `command` as `start` does and wait for its end; its wait status (see os.WIFSIGNALED, os.WEXITSTATUS)."""
    return os.waitpid(start(command, record), 0)[1]


def _write(writing: int, record: bytearray) -> None:
    """All of the record. A program that ends without reading it is judged by its exit status alone.

    SIGPIPE must be ignored, as Python does from its start.
    """
    with memoryview(record) as view:
        at = 0
        try:
            while at < len(view):
                at += os.write(writing, view[at:])
        except BrokenPipeError:
            return


def _become(command: list[bytes], reading: int) -> NoReturn:
    """In the child: descriptor 3 in place, signals as usual, and on to the program."""
    try:
        import signal

        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that is inherited
        os.dup2(reading, 3)
        os.set_inheritable(3, True)  # dup2 does nothing if it was descriptor 3 already
        os.execvp(command[0], command)
    finally:
        os._exit(1)

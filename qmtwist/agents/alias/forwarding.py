"""What a delivery by dot-forward or fastforward does: run programs, append to files, send the message on.

The message is descriptor 0, a file that can be read again from its beginning, as qmail-local gives it. Programs get the
environment of this process.
"""

from __future__ import annotations

import os

from qmtwist.agents.filter.feeding import feed
from qmtwist.agents.filter.requeue import requeue
from qmtwist.agents.local.program import verdict
from qmtwist.agents.pathexec import SHELL, spawn
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.mail.shapes import Callable, Iterator, Mapping, NamedTuple

from .ran import Ran

PERMANENT, TEMPORARY = 100, 111
_READ_BYTES = 65536

Say = Callable[[bytes], None]


class Fatal(Exception):
    """A delivery that fails: the exit status, and why, unless a program has said it.

    `is_plain`: the complaint is for whoever sent the message, and names no program.
    """

    def __init__(self, status: int, complaint: bytes = b"", is_plain: bool = False) -> None:
        super().__init__(complaint)
        self.status = status
        self.complaint = complaint
        self.is_plain = is_plain


class Setting(NamedTuple):
    """Where a delivery happens: the mail home, and the environment that qmail-local made."""

    home: str
    environ: Mapping[bytes, bytes]


def top(environ: Mapping[bytes, bytes]) -> bytes:
    """The lines that a mailbox and most programs want before the message: From, Return-Path, Delivered-To."""
    return b"".join([environ.get(name, b"") for name in (b"UFLINE", b"RPLINE", b"DTLINE")])


def run(command: bytes, head: bytes | None) -> None:
    """Run a shell command on the message itself, or on `head` and the message.

    :raises Fatal: it did not succeed, or cannot be started.
    :raises OSError: the message cannot be read again.
    """
    os.lseek(0, 0, os.SEEK_SET)
    words = [SHELL, b"-c", command]
    try:
        code = _run(words) if head is None else feed(words, head)
    except MailError as error:  # whatever is wrong with the shell, it may be right tomorrow
        raise Fatal(TEMPORARY, os.fsencode(error.text)) from error
    os.lseek(0, 0, os.SEEK_SET)
    if code:
        raise Fatal(PERMANENT if verdict(code) == PERMANENT else TEMPORARY)


def _run(words: list[bytes]) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(spawn(words), 0)[1])
    if code < 0:
        raise Temporary("child crashed")
    return code


def append(path: bytes, head: bytes) -> None:
    """Add `head` and the message to a mailbox file.

    :raises Fatal: it could not be written. :raises OSError: the message cannot be read again.
    """
    from qmtwist.store import mbox

    os.lseek(0, 0, os.SEEK_SET)
    try:
        mbox.append(path, path, head, _message())
    except Temporary as error:
        raise Fatal(TEMPORARY, os.fsencode(error.text)) from error
    os.lseek(0, 0, os.SEEK_SET)


def _message() -> Iterator[bytes]:
    while piece := os.read(0, _READ_BYTES):
        yield piece


def send(setting: Setting, envelope: Envelope, complaint: bytes = b"") -> int:
    """Queue the message with the Delivered-To line on top, which ends forwarding loops; the number to tell.

    :raises Fatal: it was not queued; `complaint` comes before the reason.
    :raises OSError: the message cannot be read again.
    """
    os.lseek(0, 0, os.SEEK_SET)
    try:
        return requeue(setting.home, setting.environ.get(b"DTLINE", b""), envelope)
    except MailError as error:
        status = PERMANENT if isinstance(error, Permanent) else TEMPORARY
        raise Fatal(status, complaint + os.fsencode(error.text)) from error


def once(environ: Mapping[bytes, bytes], carry_out: Callable[[Ran], None]) -> None:
    """Carry out a delivery, and remember what was done if it has to be tried again. Raises what `carry_out` does."""
    ran = Ran(environ)
    try:
        carry_out(ran)
    except Fatal as fatal:
        ran.end(is_final=fatal.status == PERMANENT)
        raise
    except BaseException:
        ran.end(is_final=False)
        raise
    ran.end(is_final=True)

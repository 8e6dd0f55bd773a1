"""What programs share that run another program: how they complain, and how they become it."""

from __future__ import annotations

from qmtwist.mail.errors import suppress
from qmtwist.mail.shapes import Mapping
from qmtwist.store import durable


def say(text: bytes) -> None:
    """A line to standard error, if anybody is there."""
    with suppress(OSError):
        durable.write_all(2, text + b"\n")


def fatal(name: bytes, what: bytes, error: OSError | None = None, status: int = 111) -> int:
    """Say why a program gives up, with the system's reason if there is one; its exit status."""
    if error is not None:
        from qmtwist.mail.reasons import reason

        what += b": " + reason(error)
    say(b"%s: fatal: %s" % (name, what))
    return status


def become(name: bytes, command: list[bytes], environ: Mapping[bytes, bytes] | None = None) -> int:
    """Run the command in place of this program; the exit status if that cannot be."""
    from qmtwist.agents import pathexec

    return fatal(name, b"unable to run " + command[0], pathexec.become(command, environ))

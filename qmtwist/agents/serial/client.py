"""maildirserial with a client of our own: tcpclient, and serialsmtp or serialqmtp on its connection."""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Sequence

from .maildirserial import Options, run

LIFETIME_S = 1_209_600  # two weeks; then a message goes back to its sender


def send_to(home: str, directory: bytes, prefix: bytes, host: bytes, port: bytes, sender: Sequence[bytes]) -> int:
    """What maildirsmtp and maildirqmtp do; `sender` is the program that speaks to the host, and its arguments.

    Our own programs are found in HOME/bin, whatever PATH says.
    """
    programs = os.fsencode(home) + b"/bin/"
    client = (programs + b"tcpclient", b"-RHl0", b"--", host, port, programs + sender[0], *sender[1:])
    return run(directory, Options(prefix, client, True, LIFETIME_S), home)

"""The names that complete addresses, as qmail's programs find them: the environment, a control file, or `me`."""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping
from qmtwist.rules.completion import Hosts

from .grammar import read_line

NAMES = ("defaulthost", "defaultdomain", "plusdomain", "idhost")


def read_hosts(home: str, environ: Mapping[bytes, bytes]) -> Hosts:
    """`QMAILDEFAULTHOST` and so on, else `control/defaulthost`, else `control/me`, else the word `defaulthost`.

    An empty environment for programs that do not look at it.

    :raises OSError: a control file is there and cannot be read.
    """
    me = read_line(home, "me")

    def host(name: str) -> bytes:
        value = environ.get(b"QMAIL" + name.upper().encode())
        if value is None:
            value = read_line(home, name)
        return value if value is not None else me if me is not None else name.encode()

    return Hosts(*[host(name) for name in NAMES])

"""The hosts that complete addresses in .forward files, alias tables and lists. (dot-forward, fastforward)"""

from __future__ import annotations

from qmtwist.mail.shapes import Mapping
from qmtwist.rules.aliaswords import Hosts

from .grammar import read_line


def read_hosts(home: str, environ: Mapping[bytes, bytes] | None = None) -> Hosts:
    """defaulthost, defaultdomain and plusdomain, each of them `me` if there is no such file, or the word itself.

    In `environ`, where it is given, QMAILDEFAULTHOST and its like come first.

    :raises OSError: a control file is there and cannot be read.
    """
    me = read_line(home, "me")

    def host(name: str) -> bytes:
        value = None if environ is None else environ.get(b"QMAIL" + name.upper().encode())
        if value is None:
            value = read_line(home, name)
        return value if value is not None else b"me" if me is None else me

    return Hosts(host("defaulthost"), host("defaultdomain"), host("plusdomain"))

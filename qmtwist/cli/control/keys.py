"""What `qmtwist check` says about our own certificate and its key."""

from __future__ import annotations

import os
import shlex
import stat

from qmtwist.control.accounts import system_account
from qmtwist.control.load import Complaints, load
from qmtwist.mail.shapes import Iterator

from .nullclient import is_null_client


def problems(home: str) -> Iterator[str]:
    """One sentence for each thing that is wrong, with the command that mends it."""
    try:
        settings = load(home)
    except Complaints:
        return  # others tell about them
    certificate, key = settings.remote.tlscert, settings.remote.tlskey
    making = f"qmtwist tlskey --home {shlex.quote(home)}"
    if certificate is None:
        if settings.listen.qmtps or settings.listen.qmqps:
            yield f"{home}/control/servercert.pem: is wanted by the services inside TLS and does not exist: {making}"
        return
    for path in dict.fromkeys((certificate, key or certificate)):
        if not os.path.exists(path):
            yield f"{path}: is named in control and does not exist: {making}"
        else:
            yield from _rights_problems(home, path, is_secret=path == key)


def _rights_problems(home: str, path: str, is_secret: bool) -> Iterator[str]:
    """Who may read a file: the mail accounts must, and nobody else a key. On a null client that is its owner's choice:
    whoever can read the key can send.
    """
    if is_null_client(home):
        return
    facts = os.stat(path)
    account = system_account("qmailq")
    group = account.gid if account else os.stat(f"{home}/queue").st_gid
    mending = f"chgrp {group} {shlex.quote(path)} && chmod 640 {shlex.quote(path)}"
    may_all = bool(facts.st_mode & stat.S_IROTH)
    may_group = facts.st_gid == group and bool(facts.st_mode & stat.S_IRGRP)
    if is_secret and may_all:
        yield f"{path}: can be read by everybody: {mending}"
    elif facts.st_uid == 0 and not (may_all or may_group):
        yield f"{path}: cannot be read by qmailq and qmailr: {mending}"

"""Private mounts: change /etc/passwd, mount images and so on for this process and its children only. Needs root.

Nothing stays behind: the kernel undoes it all when the last process of the name space has ended.
"""

from __future__ import annotations

import ctypes
import os
from typing import NamedTuple

NEW_MOUNTS, BIND, RECURSIVE_PRIVATE = 0x00020000, 4096, 1 << 18 | 16384

_libc = ctypes.CDLL(None, use_errno=True)


class Account(NamedTuple):
    """A line of the password file."""

    name: str
    uid: int
    gid: int
    home: str


# qmail's accounts and groups with the numbers of the recorded cases.
MAIL_UIDS = {
    "alias": (1001, 1001),
    "qmaild": (1002, 1001),
    "qmaill": (1003, 1001),
    "qmailp": (1004, 1001),
    "qmailq": (1005, 1002),
    "qmailr": (1006, 1002),
    "qmails": (1007, 1002),
}
MAIL_GROUPS = {"nofiles": 1001, "qmail": 1002}


def mail_accounts(home: str) -> list[Account]:
    """qmail's accounts, all with the mail home as their home directory."""
    return [Account(name, uid, gid, home) for name, (uid, gid) in MAIL_UIDS.items()]


def enter() -> bool:
    """Enter a private mount name space; False if the machine does not let us (not root, a container)."""
    if os.geteuid() != 0:
        return False
    return not (_libc.unshare(NEW_MOUNTS) or _libc.mount(None, b"/", None, RECURSIVE_PRIVATE, None))


def bind(source: str, target: str) -> None:
    """Show a file or directory in another place.

    :raises OSError: the kernel refused.
    """
    if _libc.mount(os.fsencode(source), os.fsencode(target), None, BIND, None):
        raise OSError(ctypes.get_errno(), f"cannot bind {source} to {target}")


def add_accounts(base: str, accounts: list[Account], groups: dict[str, int]) -> None:
    """Give this name space a password and a group file that know these names too; the copies are kept in `base`."""
    users = {
        account.name: f"{account.name}:x:{account.uid}:{account.gid}::{account.home}:/bin/false\n"
        for account in accounts
    }
    lines = {name: f"{name}:x:{gid}:\n" for name, gid in groups.items()}
    for path, wanted in (("/etc/passwd", users), ("/etc/group", lines)):
        with open(path, encoding="utf-8") as source:
            text = source.read()
        known = {line.split(":", 1)[0] for line in text.splitlines()}
        copy = os.path.join(base, os.path.basename(path))
        with open(copy, "w", encoding="utf-8") as target:
            target.write(text + "".join(line for name, line in wanted.items() if name not in known))
        os.chmod(copy, 0o644)
        bind(copy, path)

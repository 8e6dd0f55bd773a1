"""A home on a machine with qmail's accounts and two users, inside a private name space. Needs root."""

from __future__ import annotations

import os

from tests.support import privately
from tests.support.daemon import Home

ALICE, BOB = 61_001, 61_002  # uid and gid of each


def make(directory: str) -> Home:
    """A home with qmail's accounts, and two users with accounts of their own."""
    home = Home(directory)
    people = [
        privately.Account("alice", ALICE, ALICE, home.directory("alice")),
        privately.Account("bob", BOB, BOB, home.directory("bob")),
    ]
    accounts = [*privately.mail_accounts(home.path), *people]
    privately.add_accounts(directory, accounts, {**privately.MAIL_GROUPS, "alice": ALICE, "bob": BOB})
    home.make()
    for user, uid in (("alice", ALICE), ("bob", BOB)):
        for path, _, names in os.walk(home.directory(user)):
            for found in (path, *(f"{path}/{name}" for name in names)):
                os.chown(found, uid, uid)
    os.unlink(f"{home.path}/users/cdb")  # everybody by the password file
    return home

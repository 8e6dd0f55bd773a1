"""The users and groups of a mail system that root runs, and the commands that make them. (INSTALL.ids)"""

from __future__ import annotations

import grp
import pwd
import shlex

from qmtwist.mail.shapes import Iterator, NamedTuple
from qmtwist.rules.machine.accounts import GROUP_OF, GROUPS, USERADD, make_group, make_user

__all__ = ["GROUPS", "GROUP_OF", "Accounts", "commands", "find", "missing", "strays"]


class Accounts(NamedTuple):
    """The accounts that this machine has."""

    uids: dict[str, int]
    gids: dict[str, int]

    @property
    def is_complete(self) -> bool:
        """Whether every one of them is there."""
        return len(self.uids) == len(GROUP_OF) and len(self.gids) == len(GROUPS)

    def uid(self, name: str) -> int:
        """A user's number; root's if the accounts are incomplete."""
        return self.uids[name] if self.is_complete else 0

    def gid(self, name: str) -> int:
        """A group's number; root's if the accounts are incomplete."""
        return self.gids[name] if self.is_complete else 0


def find() -> Accounts:
    """Look all accounts up; a group without a name is taken from the password file's line of its user."""
    uids: dict[str, int] = {}
    gids: dict[str, int] = {}
    for user, group in GROUP_OF.items():
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        uids[user] = entry.pw_uid
        gids.setdefault(group, entry.pw_gid)
    for group in GROUPS:
        try:
            gids[group] = grp.getgrnam(group).gr_gid
        except KeyError:
            continue
    return Accounts(uids, gids)


def missing(known: Accounts) -> list[str]:
    """`group NAME` and `user NAME` for what is missing."""
    groups = [f"group {name}" for name in GROUPS if name not in known.gids]
    return groups + [f"user {name}" for name in GROUP_OF if name not in known.uids]


def strays(known: Accounts) -> Iterator[tuple[str, str]]:
    """A sentence and its command for each user who is there with another group than his."""
    for user in known.uids:
        group, found = GROUP_OF[user], pwd.getpwnam(user).pw_gid
        if known.gids.get(group, found) != found:
            wanted = f"{group} ({known.gids[group]})"
            yield f"user {user}: is in group {found} instead of {wanted}", f"usermod -g {group} {user}"


def commands(known: Accounts, home: str) -> list[str]:
    """The commands that make what is missing, groups first; `qmtwist setup --system` uses the tools of this machine."""
    made = [make_group(USERADD, name) for name in GROUPS if name not in known.gids]
    made += [make_user(USERADD, name, home) for name in GROUP_OF if name not in known.uids]
    return [shlex.join(words) for words in made]

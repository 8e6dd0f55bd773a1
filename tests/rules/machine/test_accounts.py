"""rules/machine/accounts.py: the commands of both families."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qmtwist.rules.machine import accounts

DEBIAN, UBUNTU, ROCKY = "NAME=x\nID=debian\n", 'ID=ubuntu\nID_LIKE="debian"\n', 'ID="rocky"\nID_LIKE="rhel fedora"\n'
SHADOW = {"useradd", "groupadd"}


def having(*names: str) -> Callable[[str], bool]:
    return lambda name: name in names


@pytest.mark.parametrize(
    ("release", "there", "kind"),
    [
        (DEBIAN, {"adduser", "addgroup", *SHADOW}, "adduser"),
        (UBUNTU, {"adduser", "addgroup", *SHADOW}, "adduser"),
        (DEBIAN, SHADOW, "useradd"),
        (DEBIAN, {"adduser", *SHADOW}, "useradd"),
        (ROCKY, {"adduser", *SHADOW}, "useradd"),
        ("ID=alpine\n", {"adduser", "addgroup"}, None),  # busybox has other options
        ("", SHADOW, "useradd"),
        (DEBIAN, set(), None),
    ],
)
def test_the_tools_follow_the_family_and_what_is_there(release: str, there: set[str], kind: str | None) -> None:
    assert accounts.tools(release, having(*there)) == kind


def test_accounts_are_made_with_their_group_home_and_no_shell() -> None:
    for kind in (accounts.USERADD, accounts.ADDUSER):
        words = accounts.make_user(kind, "qmailq", "/var/qmail")
        assert words[0] == kind and words[-1] == "qmailq" and "/bin/false" in words and "qmail" in words
        assert "/var/qmail/alias" in accounts.make_user(kind, "alias", "/var/qmail")


def test_whatever_is_made_can_be_removed_by_the_same_tools() -> None:
    assert accounts.remove_user("useradd", "alias") == ["userdel", "alias"]
    assert accounts.remove_user("adduser", "alias")[0] == "deluser"
    assert accounts.remove_group("useradd", "qmail") == ["groupdel", "qmail"]
    assert accounts.remove_group("adduser", "qmail")[0] == "delgroup"
    for kind, (group, user) in accounts.NEEDED.items():
        assert accounts.make_group(kind, "x")[0] == group and accounts.make_user(kind, "alias", "/h")[0] == user

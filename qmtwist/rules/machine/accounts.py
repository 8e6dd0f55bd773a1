"""The accounts of the mail system, and the commands that make and remove them on either family of systems.

(qmail INSTALL.ids; useradd(8), adduser(8))
"""

from __future__ import annotations

from qmtwist.mail.shapes import Callable

GROUP_OF = {
    "alias": "nofiles",
    "qmaild": "nofiles",
    "qmaill": "nofiles",
    "qmailp": "nofiles",
    "qmailq": "qmail",
    "qmailr": "qmail",
    "qmails": "qmail",
}
GROUPS = ("nofiles", "qmail")
SHELL = "/bin/false"

USERADD, ADDUSER = "useradd", "adduser"
NEEDED = {USERADD: ("groupadd", "useradd"), ADDUSER: ("addgroup", "adduser")}
"""What must be there to make accounts with either tools."""


def tools(os_release: str, is_there: Callable[[str], bool]) -> str | None:
    """Which tools make accounts here: adduser's on Debian and its kin, shadow's elsewhere; None: there are none.

    `os_release` is the text of /etc/os-release; `is_there` says whether a program is. Elsewhere a program called
    adduser is another one, with other options.

    >>> tools("ID=ubuntu\\nID_LIKE=debian\\n", lambda name: True), tools("ID=fedora\\n", lambda name: True)
    ('adduser', 'useradd')
    """
    wanted = (ADDUSER, USERADD) if "debian" in _family(os_release) else (USERADD,)
    return next((kind for kind in wanted if all(is_there(name) for name in NEEDED[kind])), None)


def home_of(user: str, home: str) -> str:
    """The home directory of an account of the mail system in `home`."""
    return f"{home}/alias" if user == "alias" else home


def make_group(kind: str, group: str) -> list[str]:
    """The command that makes a group."""
    if kind == ADDUSER:
        return ["addgroup", "--quiet", "--system", group]
    return ["groupadd", "-r", group]


def make_user(kind: str, user: str, home: str) -> list[str]:
    """The command that makes an account of the mail system in `home`; its group is there."""
    group, place = GROUP_OF[user], home_of(user, home)
    if kind == ADDUSER:
        place_words = ["--home", place, "--no-create-home"]
        return ["adduser", "--quiet", "--system", *place_words, "--ingroup", group, "--shell", SHELL, user]
    return ["useradd", "-r", "-M", "-g", group, "-d", place, "-s", SHELL, user]


def remove_group(kind: str, group: str) -> list[str]:
    """The command that removes a group that nobody is in."""
    return ["delgroup", "--quiet", "--system", group] if kind == ADDUSER else ["groupdel", group]


def remove_user(kind: str, user: str) -> list[str]:
    """The command that removes an account, and no file."""
    return ["deluser", "--quiet", "--system", user] if kind == ADDUSER else ["userdel", user]


def _family(os_release: str) -> list[str]:
    """ID and ID_LIKE of os-release(5)."""
    words: list[str] = []
    for line in os_release.splitlines():
        name, _, value = line.partition("=")
        if name in ("ID", "ID_LIKE"):
            words += value.strip().strip("\"'").split()
    return words

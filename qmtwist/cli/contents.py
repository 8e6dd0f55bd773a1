"""The table of contents: which programs there are, in groups, and in which section of the manual each stands."""

from __future__ import annotations

import importlib

from .registry import PROGRAMS

# by the folder of their modules, in the order of the printed list
GROUPS = {
    "submit": "Sending mail, and taking it from others",
    "filter": "For .qmail files",
    "alias": "Aliases and mailing lists",
    "list": "Mailing lists that manage themselves",
    "mailbox": "Mailboxes and their users",
    "header": "Headers",
    "queue": "The queue and its deliveries",
    "users": "Who gets which mail",
    "control": "Control files",
    "dns": "Questions to DNS",
    "tcp": "TCP connections",
    "serial": "Maildirs to other hosts",
    "supervise": "Services, and how programs are started",
    "log": "The log",
    "main": "Set-up and care",
}
OPERATORS = ("supervise", "main")  # of these groups all pages are in section 8
OPERATOR_PROGRAMS = ("sendmail", "ofmipd", "rblsmtpd", "qmtwist-checkpassword")


def manual(place: str) -> str:
    """The text of a program or command by the place of its module; `place` is what the registry has."""
    return (importlib.import_module(f"qmtwist.cli.{place}").__doc__ or place).strip()


def purpose(name: str, text: str) -> str:
    """What the first line of a manual says behind the name.

    >>> purpose("x", "x - does it"), purpose("x", "x: does it"), purpose("x", "Does it.")
    ('does it', 'does it', 'Does it.')
    """
    first = text.strip().partition("\n")[0]
    for mark in (" - ", ": "):
        if first.startswith(name + mark):
            return first[len(name + mark) :]
    return first


def group_of(place: str) -> str:
    """The group by the place of a module; a group that has no title yet is its own.

    >>> group_of("filter.forward"), group_of("main")
    ('filter', 'main')
    """
    return place.partition(".")[0]


def section_of(name: str) -> int:
    """1 for what users type or write into their files, 8 for what the operator and the server run."""
    is_operators = group_of(PROGRAMS[name]) in OPERATORS or name in OPERATOR_PROGRAMS or name.startswith("qmail-")
    return 8 if is_operators else 1


def listing() -> str:
    """All programs in groups, a line each."""
    groups = {group: group_of(place) for group, place in PROGRAMS.items()}
    lines = []
    for group in [*GROUPS, *sorted(set(groups.values()) - set(GROUPS))]:
        names = sorted(name for name in PROGRAMS if groups[name] == group)
        if names:
            lines += ["", GROUPS.get(group, group) + ":"]
            lines += [f"  {name:21} {purpose(name, manual(PROGRAMS[name]))}" for name in names]
    return "\n".join(lines[1:])

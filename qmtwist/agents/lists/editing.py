"""Change how a list works that is there. (ezmlm-make -e)"""

from __future__ import annotations

import os

from qmtwist.mail.shapes import Mapping
from qmtwist.rules.lists.answer import List
from qmtwist.rules.lists.due import limits_in
from qmtwist.rules.lists.instructions import NAMES
from qmtwist.rules.lists.languages import language
from qmtwist.rules.lists.listconfig import Config, read_config, switches
from qmtwist.rules.lists.newlist import MARKS, Plan, directories, files, links
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.make import Change, remake

_ALL_MARKS = {**MARKS, b"a": "archived", b"m": "modpost", b"p": "public", b"f": "prefix", b"t": "text/trailer"}
_LIVING = (
    "lock", "lockbounce", "num", "key", "dignum", "indexed", "modpost", "modsub", "remote", "digestcode",
    "digsize", "digcount", "digtime",
)  # fmt: skip
_OWN = ("text/", "headeradd", "headerremove", "mailinglist", "in", "out", "prefix", "charset", "ezmlmrc", "owner")
_SAID = ("text/", "charset", "ezmlmrc")
_GIVEN = {"owner": b"5", "modpost": b"7", "modsub": b"8", "remote": b"9"}
_NEW_ONLY = ("dmarc", "oneclick")  # what changes how an old list behaves is its owner's business


def known(directory: str) -> Config:
    """How a list was made: by its config, or else by the files that it has.

    :raises Temporary: that cannot be told now.
    """
    place = ListDirectory(directory)
    text, flags = place.read("config"), place.optional_line("flags")
    if text is not None and not flags:
        return read_config(text)
    letters = switches(flags) if flags else b"".join([letter for letter, name in _ALL_MARKS.items() if place.has(name)])
    arguments = []
    for digit, name in ((b"0", "sublist"), (b"7", "modpost"), (b"8", "modsub"), (b"9", "remote")):
        if (value := place.optional_line(name)) != b"":
            arguments.append((digit, value))
    return Config(
        letters, place.optional_line("dot"), place.optional_line("outlocal"), place.optional_line("outhost"),
        place.optional_line("digestcode"), tuple(arguments), place.optional_line("ezmlmrc"),
    )  # fmt: skip


def edit(plan: Plan, is_forced: bool, is_translated: bool) -> None:
    """Change it; with `is_forced` what the list says and how it is called is written anew as well, with `is_translated`
    what it says.

    :raises Permanent: one of its .qmail files is none of ours.
    :raises Temporary: some of it has changed.
    """
    directory = os.fsdecode(plan.directory)
    place = ListDirectory(directory)
    number = place.number()
    made = {name: data for name, data in files(plan).items() if name not in _NEW_ONLY}
    if "dignum" in made:
        made["dignum"] = b"%d:%d:%d\n" % (*number, plan.now)
    if b"d" in plan.switches:
        made |= {name: value + b"\n" for name, value in limits_in(dict(plan.arguments).get(b"4", b"")).items()}
    keep = _kept(plan, set(made), is_forced, is_translated)
    if is_translated and not is_forced:
        keep |= _own_words(place, made)
    gone = [*_ALL_MARKS.values(), "sublist", "flags"]
    change = Change(
        folders=directories(plan),
        files=made,
        links=links(plan),
        keep=keep,
        aside=NAMES,
        gone=tuple([name for name in gone if name not in made]),
    )
    remake(directory, os.fsdecode(plan.dot), change)


def _own_words(place: ListDirectory, made: Mapping[str, bytes]) -> frozenset[str]:
    """The texts that the list's owner has written: neither those of its language until now, nor those of 0.53's kind,
    in which the list's address is filled in.
    """
    speech = language(place.language())
    said = {**speech.texts, "trailer": speech.phrases["TXT_TRAILER"] + "\n"}
    of = List(place.line("outlocal"), place.line("outhost"), b"")
    found = set()
    for name in made:
        text = said.get(name.removeprefix("text/"), "").encode()
        if name.startswith("text/") and place.read(name) not in (None, text, of.fill(text)):
            found.add(name)
    return frozenset(found)


def _kept(plan: Plan, names: set[str], is_forced: bool, is_translated: bool) -> frozenset[str]:
    """The files that stay if they are there."""
    digits = dict(plan.arguments)
    given = {name for name, digit in _GIVEN.items() if digit in digits} | ({"digestcode"} if plan.code else set())
    keep = {name for name in names if name in _LIVING}
    if not is_forced:
        keep |= {name for name in names if name.startswith(_OWN)}
    if is_translated:
        keep -= {name for name in names if name.startswith(_SAID)}
    return frozenset(keep - given)

"""`qmtwist setup --system`: accounts, the home, and our sendmail in the place of the one that is there.

Everything that could be in the way is looked at before the first step. What is made is written to HOME/setup.record
before it is made (see `rules/machine/record`), so that `--remove` (`removal`) can take all of it back, also after a run
that was cut; and a second run goes on where the first one ended.
"""

from __future__ import annotations

import grp
import os
import pwd
import time

from qmtwist.agents.supervise import keepers
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control import grammar
from qmtwist.mail.shapes import Callable, NamedTuple
from qmtwist.rules.machine import accounts as tools_of
from qmtwist.rules.machine import rivals
from qmtwist.rules.machine.accounts import GROUP_OF, GROUPS
from qmtwist.rules.machine.record import KEEPS
from qmtwist.rules.machine.rivals import Place

from . import files, hostname, machine, nullclient, trust
from .accounts import find, missing
from .records import Record
from .steps import Failed, Steps

STOP_S, LOOK_S = 10.0, 0.1


class Wish(NamedTuple):
    """What is asked for."""

    home: str
    is_null_client: bool
    has_name: bool  # the host's name is given
    may_replace: bool = False
    keeps: bool = False  # the other mail server stays: accounts and the home only
    is_trial: bool = False


def put(wish: Wish, make_home: Callable[[], int], words: list[str]) -> int:
    """`qmtwist setup --system`; the exit status. `make_home` completes the home, as the command `words` does.

    :raises records.Unusable: the record of an earlier run cannot be read.
    :raises OSError: a file could not be read or written.
    """
    if os.geteuid() != 0:
        Steps.complain("--system is for root")
        return 1
    if not wish.has_name and grammar.read_line(wish.home, "me") is None and hostname.ask() is None:
        Steps.complain("cannot find the full name of this host in DNS; use --host FULL.HOST.NAME")
        return 1
    system = System(wish)
    if objections := system.objections():
        for objection in objections:
            Steps.complain(objection)
        return 1
    try:
        return system.run(make_home, words)
    except Failed as trouble:
        Steps.complain(f"fatal: {trouble}")
        Steps.complain("mend that and run this again; or take back what was done: qmtwist setup --remove")
        return 111


class System:
    """One run for one home. Made by `put`; root's."""

    def __init__(self, wish: Wish) -> None:
        """:raises records.Unusable: the record of an earlier run cannot be read."""
        self.home = wish.home
        self.may_replace = wish.may_replace
        self.keeps = wish.keeps
        self.steps = Steps(wish.is_trial)
        self.record = Record(wish.home, wish.is_trial)
        self._groups = [] if wish.is_null_client else list(GROUPS)
        self._users = [] if wish.is_null_client else list(GROUP_OF)
        self._tools = machine.account_tools()
        self._places = machine.places(wish.home, nullclient.PROGRAMS if wish.is_null_client else PROGRAMS)
        self._packages = [name for name in machine.packages() if name not in self._known("replaced")]
        self._init = machine.init()
        self._services = self._services_to_stop()

    def _known(self, kind: str) -> set[str]:
        return {fact.name for fact in self.record.of_kind(kind)}

    def _services_to_stop(self) -> dict[str, str]:
        """The services of other mail servers, and what they are."""
        names = [name for package in self._packages for name in rivals.services(package)]
        states = {name: machine.state_of(name, self._init) for name in dict.fromkeys(names)}
        return {name: state for name, state in states.items() if state}

    # -- before anything is done

    def objections(self) -> list[str]:
        """Why nothing is done; none: it can be done."""
        found = []
        if self._tools is None and missing(find()) and self._users:
            found.append("neither useradd and groupadd nor Debian's adduser and addgroup are here")
        if reason := trust.changeable_step(_existing(self.home)):
            found.append(f"{self.home} is no place for root's programs: {reason}")
        wanted = {"/etc"} if missing(find()) and self._users else set()
        if not self.keeps:
            wanted |= {os.path.dirname(place.path) for place in self._places if not place.is_ours}
        found += [f"{path} cannot be written" for path in sorted(wanted) if not os.access(path, os.W_OK)]
        if self.keeps:
            return found
        holders = self._holders()
        if self.may_replace:
            if not self._services:
                found += [f"stop it first: {name} listens on port 25: {mending}" for name, mending in holders]
            return found
        there = [f"{place.path} is there and is not ours" for place in self._places if self._is_foreign(place)]
        there += [f"{name} listens on port 25" for name, _ in holders]
        there += [f"the package {name} is installed" for name in self._packages]
        if there:
            there.append(
                "nothing was done; with --replace-mta our programs take their place, and --remove gives it back"
            )
        return found + there

    def _holders(self) -> list[tuple[str, str]]:
        try:
            server = keepers.process(self.home)
        except keepers.NotAllowed:
            server = 0
        return [(holder.shown, holder.mending(25)) for holder in machine.smtp_holders(self.home, server)]

    @staticmethod
    def _is_foreign(place: Place) -> bool:
        return place.is_there and not place.is_ours

    # -- doing it

    def run(self, make_home: Callable[[], int], words: list[str]) -> int:
        """All steps; the exit status. `make_home` completes the home, as the command `words` does.

        :raises Failed: a step did.
        :raises OSError: a file could not be read or written.
        """
        self._home_directory()
        self.record.lock()
        self._accounts()
        status = self._home(make_home, words)
        if status or self.keeps:
            return status
        self._stop_services()
        for name in self._packages:
            self.record.note("replaced", name)
        self._close_kept()
        for place in self._places:
            if not place.is_ours:
                self._link(place)
        if self._users and not self.steps.is_trial:
            self._say_how_to_start()
        return 0

    def _say_how_to_start(self) -> None:
        boot, by_systemd = f"{self.home}/boot", self._init == "systemd"
        copied = ("qmtwist.service", "/etc/systemd/system/") if by_systemd else ("init", "/etc/init.d/qmtwist")
        if os.path.exists(os.path.join(copied[1], copied[0]) if by_systemd else copied[1]):
            return
        self.steps.say("to start the server now and at boot:")
        self.steps.say(f"    cp {boot}/{copied[0]} {copied[1]}")
        if by_systemd:
            self.steps.say("    systemctl daemon-reload && systemctl enable --now qmtwist")
            return
        self.steps.say(f"    cp {boot}/server {self.home}/rc")
        link = "chkconfig --add qmtwist" if self._init == "chkconfig" else "update-rc.d qmtwist defaults"
        self.steps.say(f"    {link} && {self.home}/bin/qmailctl start")

    def _home_directory(self) -> None:
        """The home and what is missing above it. Nothing can be noted before there is a home."""
        above, wanted = [], self.home
        while not os.path.isdir(wanted):
            above.append(wanted)
            wanted = os.path.dirname(wanted)
        for path in reversed(above):
            self.steps.do("mkdir", "-m", "755", path)
        for path in reversed(above[1:]):
            self.record.note("directory", path)
        if above:
            self.record.note("home", self.home)

    def _accounts(self) -> None:
        kind = self._tools or tools_of.USERADD
        gids, uids = _group_ids(self._groups), _user_ids(self._users)
        for name in self._groups:
            if gids[name] is None:
                self._make(tools_of.make_group(kind, name), "group", name)
        for name in self._users:
            if uids[name] is None:
                self._make(tools_of.make_user(kind, name, self.home), "user", name)
        if self.steps.is_trial:
            return
        for kind, known, found in (
            ("group", gids, _group_ids(self._groups)),
            ("user", uids, _user_ids(self._users)),
        ):
            for name, number in found.items():
                how = "made" if known[name] is None else "was there"
                self.steps.say(f"{kind} {name}: {number}, {how}")
                if known[name] is None or name in self._unnumbered(kind):
                    self.record.note(kind, name, str(number))

    def _make(self, words: list[str], kind: str, name: str) -> None:
        self.record.note(kind, name)
        self.steps.do(*words)

    def _unnumbered(self, kind: str) -> set[str]:
        """Those that a run which was cut was about to make."""
        return {fact.name for fact in self.record.of_kind(kind) if len(fact.words) == 1}

    def _home(self, make_home: Callable[[], int], words: list[str]) -> int:
        if self.steps.is_trial:
            self.steps.do(*words)
            return 0
        is_ours = bool(self.record.of_kind("home"))
        before = files.settings(self.home) if is_ours else {}
        status = make_home()
        if is_ours:
            for name, digest in files.settings(self.home).items():
                if name not in before:
                    self.record.note("file", name, digest)
        return status

    def _stop_services(self) -> None:
        for name, state in self._services.items():
            if name not in self._known("service"):  # a run that was cut knows better what it was
                self.record.note("service", name, state)
            for words in rivals.stop(name, self._init, state):
                self.steps.do(*words)
        if self.steps.is_trial or not self._services:
            return
        deadline = time.monotonic() + STOP_S
        while holders := self._holders():
            if time.monotonic() > deadline:
                name, mending = holders[0]
                raise Failed(f"{name} still listens on port 25: {mending}; then run this again")
            time.sleep(LOOK_S)

    def _close_kept(self) -> None:
        """A run that was cut may have left what it put aside as it was."""
        for fact in self.record.of_kind("kept"):
            _, aside, mode = fact.words
            if mode != KEEPS and os.path.isfile(aside) and os.stat(aside).st_mode & 0o7777:
                self.steps.do("chmod", "0", aside)

    def _link(self, place: Place) -> None:
        """Our link, after what is there was put aside, out of use: a set-uid program has no business there."""
        if place.is_there:
            aside = self._aside(place)
            if place.is_packaged and place.path not in self._diverted_elsewhere(aside):
                self.record.note("diverted", place.path, aside)
                self.steps.do(*rivals.divert(place.path, aside))
            self.steps.do("mv", "-nT", place.path, aside)
            if place.mode is not None:
                self.steps.do("chmod", "0", aside)
        self.record.note("link", place.path, place.target)
        self.steps.do("ln", "-sT", place.target, place.path)

    def _diverted_elsewhere(self, aside: str) -> set[str]:
        return {fact.name for fact in self.record.of_kind("diverted") if fact.words[1] != aside}

    def _aside(self, place: Place) -> str:
        """Where it is put. What a package brings has its place since the first time."""
        known = next((fact for fact in self.record.of_kind("kept") if fact.name == place.path), None)
        if known is not None and not os.path.lexists(known.words[1]):
            return known.words[1]
        aside = rivals.aside(place)
        if known is None or not place.is_packaged:
            self.record.note("kept", place.path, aside, KEEPS if place.mode is None else f"{place.mode:o}")
        return aside


def _existing(path: str) -> str:
    """The path, or the first directory above it that is there."""
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _group_ids(names: list[str]) -> dict[str, int | None]:
    """Numbers of groups, by their names alone."""
    found: dict[str, int | None] = dict.fromkeys(names)
    known = find().gids  # a group without a name counts if its users have it
    for name in names:
        try:
            found[name] = grp.getgrnam(name).gr_gid
        except KeyError:
            found[name] = known.get(name)
    return found


def _user_ids(names: list[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys(names)
    for name in names:
        try:
            found[name] = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return found

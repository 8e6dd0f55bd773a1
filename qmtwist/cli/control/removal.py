"""`qmtwist setup --remove`: what `--system` did is taken back, last things first, by HOME/setup.record.

What others have changed since then stays, and is told; mail stays unless it may be deleted, and with it the home and
the accounts to which it belongs.
"""

from __future__ import annotations

import grp
import os
import pwd

from qmtwist.agents.supervise import keepers
from qmtwist.mail.errors import suppress
from qmtwist.rules.machine import accounts as tools_of
from qmtwist.rules.machine import rivals
from qmtwist.rules.machine.record import KEEPS, Fact

from . import files, launchers, machine
from .records import NAME, Record
from .steps import Failed, Steps

PLAIN = ("boot", "doc", "man", "run")
"""Directories of a home in which nothing but ours is."""
STARTERS = (
    "/etc/systemd/system/qmtwist.service",
    "/etc/systemd/system/qmtwist-smtp.socket",
    "/etc/systemd/system/qmtwist-pop3.socket",
    "/etc/init.d/qmtwist",
)
"""Copies that the postmaster makes of what is in HOME/boot."""


def remove(home: str, may_delete_mail: bool, is_trial: bool) -> int:
    """`qmtwist setup --remove`; the exit status.

    :raises records.Unusable: the record cannot be read.
    :raises OSError: a file could not be read or written.
    """
    if os.geteuid() != 0:
        Steps.complain("--remove is for root")
        return 1
    removal = Removal(home, may_delete_mail, is_trial)
    if objections := removal.objections():
        for objection in objections:
            Steps.complain(objection)
        return 1
    try:
        return removal.run()
    except Failed as trouble:
        Steps.complain(f"fatal: {trouble}")
        Steps.complain("mend that and run this again")
        return 111


class Removal:
    """One run for one home. Made by `remove`; root's."""

    def __init__(self, home: str, may_delete_mail: bool, is_trial: bool) -> None:
        """:raises records.Unusable: the record cannot be read."""
        self.home = home
        self.may_delete_mail = may_delete_mail
        self.steps = Steps(is_trial)
        self.record = Record(home, is_trial)
        self._tools = machine.account_tools() or tools_of.USERADD
        self._init = machine.init()
        self._is_complete = True

    def objections(self) -> list[str]:
        """Why nothing is done; none: it can be done."""
        if not self.record.facts:
            return [f"{self.home}/{NAME} names nothing: no `setup --system` was run for this home"]
        try:
            pid = keepers.process(self.home)
        except keepers.NotAllowed:
            pid = -1
        return [f"the server runs: {self.home}/bin/qmailctl stop"] if pid else []

    def run(self) -> int:
        """All steps; 0, or 1 if something had to stay.

        :raises Failed: a step did.
        :raises OSError: a file could not be read or written.
        """
        self.record.lock()
        for fact in reversed(self.record.of_kind("link")):
            self._unlink(*fact.words)
            self.record.forget(fact)
        for fact in reversed(self.record.of_kind("kept")):
            self._put_back(*fact.words)
            self.record.forget(fact)
        for fact in self.record.of_kind("diverted"):  # of something that was not put aside by us
            self._undivert(fact)
        for fact in self.record.of_kind("service"):
            self._resume(*fact.words)
            self.record.forget(fact)
        for fact in self.record.of_kind("replaced"):
            self.record.forget(fact)
        if self._home():
            self._accounts()
        self._last()
        return 0 if self._is_complete else 1

    def _stays(self, text: str) -> None:
        self._is_complete = False
        self.steps.say(text)

    # -- places

    def _unlink(self, path: str, target: str) -> None:
        if os.path.islink(path) and os.readlink(path) == target:
            self.steps.do("rm", path)
        elif os.path.lexists(path) and not self._is_back(path):
            self._stays(f"{path} is not our link any more and stays")

    def _is_back(self, path: str) -> bool:
        """Whether others have put there the very link that was put aside, as `alternatives` does it."""
        asides = [fact.words[1] for fact in self.record.of_kind("kept") if fact.name == path]
        links = [os.readlink(each) for each in (path, *asides) if os.path.islink(each)]
        return len(links) == 2 and links[0] == links[1]

    def _put_back(self, path: str, aside: str, mode: str) -> None:
        """What was put aside gets its name and mode again, and its package the place."""
        if os.path.lexists(aside) and self._is_back(path):
            self.steps.do("rm", aside)
        is_free = not os.path.lexists(path) or (self.steps.is_trial and self._was_ours(path))
        if os.path.lexists(aside) and is_free:
            self.steps.do("mv", "-nT", aside, path)
            if mode != KEEPS:
                self.steps.do("chmod", mode, path)
        elif os.path.lexists(aside) and not self._is_back(path):
            self._stays(f"{path} is there; what was there before stays as {aside}")
        for fact in self.record.of_kind("diverted"):
            if fact.name == path:
                self._undivert(fact)

    def _was_ours(self, path: str) -> bool:
        return os.path.islink(path) and os.readlink(path).startswith(f"{self.home}/bin/")

    def _undivert(self, fact: Fact) -> None:
        self.steps.do(*rivals.undivert(*fact.words))
        self.record.forget(fact)

    def _resume(self, service: str, was: str) -> None:
        """What keeps another's server from starting is not ours to mend, and holds nothing up."""
        for words in rivals.resume(service, self._init, was):
            try:
                self.steps.do(*words)
            except Failed as trouble:
                self._stays(f"{service} did not come back: {trouble}")

    # -- the home

    def _home(self) -> bool:
        """Take it away if setup made it; whether the accounts can follow."""
        if not self.record.of_kind("home"):
            self.steps.say(f"{self.home} was there before, and stays as it is")
            return True
        if not self.may_delete_mail and (mail := self._mail()):
            self._stays(f"{mail}: the home and its accounts stay; --delete-mail deletes it")
            return False
        if not self._close_queue():
            return False
        self._programs()
        self._plain_directories()
        self._settings()
        return True

    def _mail(self) -> str:
        """What there is of it, in words; nothing if there is none."""
        count, boxes = files.queued(self.home), files.mailboxes(self.home)
        said = [f"{self.home}/queue has {count} message{'s' if count > 1 else ''}"] if count else []
        return ", and ".join(said + [f"there is {box}" for box in boxes[:3]])

    def _close_queue(self) -> bool:
        """Nobody but root can put a message into it from now on; whether it is as it was."""
        queue = f"{self.home}/queue"
        if not os.path.isdir(queue) or os.path.islink(queue):
            return True
        mode = os.stat(queue).st_mode & 0o7777
        self.steps.do("chmod", "0", queue)
        if not self.may_delete_mail and files.queued(self.home):
            self.steps.do("chmod", f"{mode:o}", queue)
            self._stays(f"a message has just come into {queue}: try again")
            return False
        return True

    def _programs(self) -> None:
        """HOME/bin, but for programs that others put there."""
        if not self._has("bin"):
            return
        foreign = launchers.write_launchers(self.home, is_trial=True).foreign
        if not foreign:
            self._rm("-r", "bin")
            return
        self.steps.say(f"{self.home}/bin stays with what is not ours: {', '.join(foreign)}")
        ours = [name for name in sorted(os.listdir(f"{self.home}/bin")) if name not in foreign]
        self._rm("-f", *(f"bin/{name}" for name in ours))

    def _plain_directories(self) -> None:
        self._rm("-r", *(name for name in PLAIN if self._has(name)))
        self._rm("-r", *(name for name in ("queue",) if self._has(name)))
        if self.may_delete_mail:
            self._rm("-r", *(os.path.relpath(path, self.home) for path in files.mailboxes(self.home)))

    def _settings(self) -> None:
        """Files that are as setup wrote them go; what people wrote stays, and belongs to root then."""
        now = files.settings(self.home)
        same = [fact for fact in self.record.of_kind("file") if now.get(fact.name) == fact.words[1]]
        self._rm("-f", *(fact.name for fact in same))
        for fact in self.record.of_kind("file"):
            self.record.forget(fact)
        left = sorted(now.keys() - {fact.name for fact in same})
        if left:
            shown = ", ".join(f"{self.home}/{name}" for name in left)
            self.steps.say(f"settings that setup did not write stay: {shown}")
        there = [f"{self.home}/{name}" for name in files.SETTINGS if self._has(name)]
        if there:
            self.steps.do("rmdir", "--ignore-fail-on-non-empty", *there)
        rest = [path for path in there if any(f"{self.home}/{name}".startswith(f"{path}/") for name in left)]
        if rest:
            self.steps.do("chown", "-hR", "0:0", *rest)

    def _has(self, name: str) -> bool:
        """Whether it is there; a link to elsewhere is its maker's."""
        return os.path.lexists(f"{self.home}/{name}") and not os.path.islink(f"{self.home}/{name}")

    def _rm(self, option: str, *names: str) -> None:
        if names:
            self.steps.do("rm", option, *(f"{self.home}/{name}" for name in names))

    # -- accounts

    def _accounts(self) -> None:
        """Those that setup made and to which nothing in the home belongs."""
        is_gone = self.steps.is_trial and self.record.of_kind("home")
        used = set() if is_gone else files.owners(self.home)
        for fact in reversed(self.record.of_kind("user")):
            uid = _uid(fact.name)
            if uid is None or self._is_ours(fact, uid):
                if uid in used:
                    self._stays(f"user {fact.name} stays: files in {self.home} belong to it")
                    continue
                if uid is not None:
                    self.steps.do(*tools_of.remove_user(self._tools, fact.name))
                    self.steps.say(f"files elsewhere that belonged to {fact.name}: find / -xdev -uid {uid}")
            else:
                self._stays(f"user {fact.name} is another one now and stays")
            self.record.forget(fact)
        users = self.record.of_kind("user")
        for fact in reversed(self.record.of_kind("group")):
            if any(tools_of.GROUP_OF.get(user.name) == fact.name for user in users):
                continue
            self._group(fact)
            self.record.forget(fact)

    def _group(self, fact: Fact) -> None:
        with suppress(KeyError):
            found = grp.getgrnam(fact.name)
            if len(fact.words) == 2 and fact.words[1] != str(found.gr_gid):
                self._stays(f"group {fact.name} is another one now and stays")
            elif members := self._members(found):
                self._stays(f"group {fact.name} stays: {', '.join(members)} are in it")
            else:
                self.steps.do(*tools_of.remove_group(self._tools, fact.name))

    def _members(self, group: grp.struct_group) -> list[str]:
        """Who is in a group and stays."""
        first = [entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid]
        going = set(tools_of.GROUP_OF) if self.steps.is_trial else set()
        return sorted({*first, *group.gr_mem} - going)

    def _is_ours(self, fact: Fact, uid: int) -> bool:
        """By its number; one that was about to be made, by what it was to be."""
        if len(fact.words) == 2:
            return fact.words[1] == str(uid)
        entry = pwd.getpwnam(fact.name)
        return (entry.pw_dir, entry.pw_shell) == (tools_of.home_of(fact.name, self.home), tools_of.SHELL)

    # -- the end

    def _last(self) -> None:
        """The record, if nothing is left to take back, and the directories."""
        rest = [fact for fact in self.record.facts if fact.kind not in ("home", "directory")]
        above = [fact.name for fact in reversed(self.record.of_kind("directory"))]
        is_ours = bool(self.record.of_kind("home"))
        if rest:
            return
        others = [name for name in os.listdir(self.home) if not name.startswith(NAME)]
        if is_ours and not self.steps.is_trial and not others:
            self.steps.do("rm", "-r", self.home)  # at one go: without its record nobody would know that it is ours
        else:
            self.steps.do("rm", "-f", self.record.path)
        self.record.remove()
        for path in (self.home, *above) if is_ours else ():
            if os.path.isdir(path):
                self.steps.do("rmdir", "--ignore-fail-on-non-empty", path)
        for path in STARTERS:
            if os.path.lexists(path):
                self.steps.say(f"{path} would still start a server: disable and remove it")
        if is_ours and not self.steps.is_trial and os.path.isdir(self.home):
            self.steps.say(f"{self.home} stays, with: {' '.join(sorted(os.listdir(self.home)))}")


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None

"""The .qmail files of a list: which programs a message goes through, by the switches of ezmlm-make."""

from __future__ import annotations

from qmtwist.mail.shapes import NamedTuple

NAMES = ("editor", "manager", "bouncer", "moderator", "confirmer")
"""The files that nobody changes but ezmlm-make, and the list's owner."""
_WRITERS = b" . digest allow mod"  # whoever may write to a list of subscribers
_WITH_PARTS = b"krsu"


class Run(NamedTuple):
    """What the lines need to know: where our programs are, where the list is, and its switches."""

    programs: bytes
    directory: bytes
    letters: bytes

    def has(self, letters: bytes) -> bool:
        """Whether one of these switches is on."""
        return any(letter in self.letters for letter in letters)

    def program(self, name: bytes) -> bytes:
        """A program of ours, as a shell reads it."""
        return b"'%s/ezmlm-%s'" % (self.programs, name)

    def line(self, name: bytes, options: bytes = b"", behind: bytes = b"") -> bytes:
        """A program with the list's directory."""
        return b"%s %s'%s'%s" % (self.program(name), options, self.directory, behind)


def instructions(run: Run, owner: bytes) -> dict[str, bytes]:
    """The files by their names. A letter to a subscriber that fails is no reason to handle a message again.

    Mail to the owner goes to the address `owner`, or else to the file Mailbox.
    """
    then = _afterwards(run)
    found = {
        "editor": _lines(*_posting(run), *_news(run), *then, *_digest(run, b"")),
        "manager": _lines(*[run.line(b"get")] * run.has(b"d"), run.line(b"manage"), *then),
        "bouncer": _lines(*then, run.program(b"weed"), run.line(b"return")),
        "owner": (owner or run.directory + b"/Mailbox") + b"\n" + _lines(*then),
    }
    if run.has(b"m"):
        found["moderator"] = _lines(*_deciding(run))
    if run.has(b"y"):
        found["confirmer"] = _lines(*_confirming(run))
    return found


def _lines(*commands: bytes) -> bytes:
    return b"".join([b"|%s\n" % command for command in commands])


def _posting(run: Run) -> list[bytes]:
    """What a message goes through before it is sent."""
    found = [run.program(b"reject")]
    if run.has(_WITH_PARTS):
        found.append(run.line(b"checksub", b"-n ", b" deny"))
    if run.has(b"u") and run.has(b"m") and not run.has(b"y"):
        return [*found, run.line(b"gate", behind=_WRITERS)]
    if run.has(b"u") and not run.has(b"m"):
        found.append(run.line(b"checksub", behind=_WRITERS))
    return [*found, run.line(b"store" if run.has(b"my") else b"send")]


def _confirming(run: Run) -> list[bytes]:
    """What an author's confirmation goes through: the message waits for a moderator, or is sent here."""
    gate = b" " + run.line(b"gate", b"-Y ", _WRITERS) if run.has(b"u") and run.has(b"m") else b""
    confirm = run.line(b"confirm") + gate
    if run.has(b"m") or not run.has(b"di"):
        return [confirm]
    return [confirm + b"; s=$?; [ $s = 99 ] || exit $s", *_news(run), *_digest(run, b"LOCAL= ")]


def _news(run: Run) -> list[bytes]:
    """What is done with the archive when something has been sent."""
    return [run.line(b"archive") + b" || exit 0"] if run.has(b"i") else []


def _afterwards(run: Run) -> list[bytes]:
    found = [run.line(b"clean") + b" || exit 0"] if run.has(b"my") else []
    return found if run.has(b"w") else [*found, run.line(b"warn") + b" || exit 0"]


def _digest(run: Run, before: bytes) -> list[bytes]:
    """A digest, when it is time for one; nothing stands behind it."""
    if not run.has(b"d"):
        return []
    return [before + run.line(b"tstdig") + b" || exit 99", before + run.line(b"get") + b" || exit 0"]


def _deciding(run: Run) -> list[bytes]:
    """What a moderator's decision goes through: a message that is accepted is sent here."""
    if not run.has(b"di"):
        return [run.line(b"moderate")]
    # It says 99 when it has done something, so that the lines below it are not obeyed elsewhere.
    decide = run.line(b"moderate") + b"; s=$?; [ $s = 99 ] || exit $s"
    return [decide, *_news(run), *_digest(run, b"LOCAL= ")]

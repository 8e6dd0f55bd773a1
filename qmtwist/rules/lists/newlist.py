"""The files of a new list. (ezmlm-make)"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.shapes import NamedTuple

from .cookie import KEYED
from .instructions import Run, instructions
from .languages import ENGLISH, language
from .listconfig import Config, config_text

DIRECTORIES = ("subscribers", "archive", "bounce", "text")
LINKS = (("", "editor"), ("-owner", "owner"), ("-default", "manager"), ("-return-default", "bouncer"))
"""What is put behind the name of the list's .qmail file, and the file that it is."""
_QUEUE_DIRECTORIES = ("mod", "mod/subscribers", "mod/pending", "mod/accepted", "mod/rejected")
MODERATED_DIRECTORIES = (*DIRECTORIES, *_QUEUE_DIRECTORIES)
MODERATED_LINKS = (*LINKS, ("-accept-default", "moderator"), ("-reject-default", "moderator"))
"""The same for a list with moderators."""
MARKS = {
    b"b": "modgetonly", b"d": "digested", b"g": "subgetonly", b"h": "nosubconfirm", b"i": "threaded",
    b"j": "nounsubconfirm", b"l": "modcanlist", b"n": "modcanedit", b"o": "modpostonly", b"r": "remote",
    b"s": "modsub", b"u": "subpostonly", b"w": "nowarn", b"y": "confirmpost",
}  # fmt: skip
"""The file that says a switch of ezmlm-make, by being there."""
_MODERATED_BY = {b"8": "modsub", b"9": "remote", b"7": "modpost"}
_WITH_MODERATORS, _WITH_PARTS = b"rs", b"krsu"
_DIGEST_DIRECTORIES = ("digest", "digest/subscribers", "digest/bounce")
_DIGEST_LINKS = (("-digest-return-default", "bouncer"), ("-digest-owner", "owner"))
_CONFIRMED_LINKS = (("-confirm-default", "confirmer"), ("-discard-default", "confirmer"))
_REMOVED = (
    "return-path", "return-receipt-to", "content-length", "precedence", "list-id", "list-help", "list-post",
    "list-subscribe", "list-unsubscribe", "list-owner",
)  # fmt: skip


class Plan(NamedTuple):
    """A list that is to be made."""

    directory: bytes
    local: bytes
    host: bytes
    programs: bytes  # the directory of ours
    secret: bytes  # at least 16 random bytes
    is_archived: bool = True
    is_public: bool = True
    is_moderated: bool = False
    switches: bytes = b""  # the other letters that are on
    arguments: tuple[tuple[bytes, bytes], ...] = ()  # of the switches that are digits
    language: str = ""  # a code; English without one, and that is not noted
    dot: bytes = b""  # the list's .qmail file
    code: bytes = b""  # by which digests are asked for
    now: int = 0

    @property
    def letters(self) -> bytes:
        """All switches that are on."""
        others = b"a" * self.is_archived + b"p" * self.is_public + b"m" * self.is_moderated
        return bytes(sorted({*self.switches, *others}))

    def has(self, letters: bytes) -> bool:
        """Whether one of these switches is on."""
        return any(letter in self.switches for letter in letters)


def check(plan: Plan) -> None:
    """:raises Permanent: a name that would mean something else in one of the files."""
    if plan.directory[:1] != b"/":
        raise Permanent("dir must start with slash")
    if b"'" in plan.directory or b"'" in plan.programs:
        raise Permanent("quotes not allowed in dir")
    if any(b"\n" in text for _, text in plan.arguments):
        raise Permanent("newlines not allowed in arguments")
    if plan.code and not plan.code.isalnum():
        raise Permanent("only letters and digits are allowed in the digest code")
    for name, text in (("dot", plan.dot), ("dir", plan.directory), ("local", plan.local), ("host", plan.host)):
        if b"\n" in text:
            raise Permanent(f"newlines not allowed in {name}")
        if not text and name != "dot":
            raise Permanent(f"{name} is empty")


def directories(plan: Plan) -> tuple[str, ...]:
    """The directories of a list, those above before what is in them."""
    found = list(MODERATED_DIRECTORIES if plan.is_moderated else DIRECTORIES)
    if plan.has(b"y"):
        found += [name for name in (*_QUEUE_DIRECTORIES, "mod/unconfirmed") if name not in found]
    elif plan.has(_WITH_MODERATORS) and not plan.is_moderated:
        found += ["mod", "mod/subscribers"]
    if plan.has(_WITH_PARTS):
        found += [name for part in ("allow", "deny") for name in (part, part + "/subscribers")]
    if plan.has(b"d"):
        found += _DIGEST_DIRECTORIES
    return tuple(found)


def links(plan: Plan) -> dict[str, str]:
    """What is put behind the name of the list's .qmail file, and the file that it is."""
    found = MODERATED_LINKS if plan.is_moderated else LINKS
    return dict(found + (_DIGEST_LINKS if plan.has(b"d") else ()) + (_CONFIRMED_LINKS if plan.has(b"y") else ()))


def files(plan: Plan) -> dict[str, bytes]:
    """Name to content of every file."""
    found = _always(plan)
    if plan.is_archived:
        found["archived"] = b""
    if plan.is_public:
        found["public"] = b""
    for letter, name in MARKS.items():
        if letter in plan.switches:
            found[name] = b""
    if plan.is_moderated:
        found["modpost"] = b""
    if plan.has(b"di"):
        found["indexed"] = b""
    if plan.has(b"d"):
        found["dignum"] = b"0:0:%d\n" % plan.now
    if plan.code:
        found["digestcode"] = plan.code + b"\n"
    found |= instructions(Run(plan.programs, plan.directory, plan.letters), dict(plan.arguments).get(b"5", b""))
    for digit, path in plan.arguments:
        name = _MODERATED_BY.get(digit, "")
        if name in found and path[:1] == b"/":
            found[name] = path + b"\n"
        if digit == b"0":
            found["sublist"] = path + b"\n"
    config = Config(plan.letters, plan.dot, plan.local, plan.host, plan.code, plan.arguments, plan.language.encode())
    return {**found, **_words(plan), "config": config_text(plan.directory, config)}


def _always(plan: Plan) -> dict[str, bytes]:
    """The files that every list has."""
    return {
        "lock": b"",
        "lockbounce": b"",
        "num": b"0\n",
        "inlocal": plan.local + b"\n",
        "outlocal": plan.local + b"\n",
        "inhost": plan.host + b"\n",
        "outhost": plan.host + b"\n",
        "mailinglist": b"contact %s-help@%s; run by ezmlm\n" % (plan.local, plan.host),
        "headerremove": "".join([name + "\n" for name in _REMOVED]).encode(),
        "dmarc": b"",
        "oneclick": b"",
        "headeradd": _added(plan.local, plan.host),
        "key": KEYED + plan.secret.hex().encode() + b"\n",
    }


def _words(plan: Plan) -> dict[str, bytes]:
    """What the list says."""
    speech = language(plan.language or ENGLISH)

    def filled(text: str) -> bytes:
        return text.encode().replace(b"<#l#>", plan.local).replace(b"<#h#>", plan.host)

    found = {"text/" + name: text.encode() for name, text in speech.texts.items()}
    if b"f" in plan.switches:
        found["prefix"] = b"[%s]\n" % plan.local
    if b"t" in plan.switches:
        found["text/trailer"] = filled(speech.phrases["TXT_TRAILER"]) + b"\n"
    if plan.language:
        found["ezmlmrc"], found["charset"] = plan.language.encode() + b"\n", b"UTF-8\n"
    return found


def _added(local: bytes, host: bytes) -> bytes:
    """The fields that tell mail programs what can be done with the list. (RFC 2369 §3, RFC 2919 §3)"""
    lines = [b"Precedence: bulk", b"List-Id: <%s.%s>" % (local, host), b"List-Post: <mailto:%s@%s>" % (local, host)]
    for name in (b"help", b"subscribe", b"unsubscribe", b"owner"):
        lines.append(b"List-%s: <mailto:%s-%s@%s>" % (name.capitalize(), local, name, host))
    return b"\n".join(lines) + b"\n"

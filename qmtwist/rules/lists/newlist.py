"""The files of a new list. (ezmlm-make)"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.shapes import NamedTuple

from .cookie import KEYED
from .languages import ENGLISH, language

DIRECTORIES = ("subscribers", "archive", "bounce", "text")
LINKS = (("", "editor"), ("-owner", "owner"), ("-default", "manager"), ("-return-default", "bouncer"))
"""What is put behind the name of the list's .qmail file, and the file that it is."""
MODERATED_DIRECTORIES = (*DIRECTORIES, "mod", "mod/subscribers", "mod/pending", "mod/accepted", "mod/rejected")
MODERATED_LINKS = (*LINKS, ("-accept-default", "moderator"), ("-reject-default", "moderator"))
"""The same for a list with moderators."""
_MARKS = {
    b"b": "modgetonly", b"g": "subgetonly", b"h": "nosubconfirm", b"j": "nounsubconfirm", b"l": "modcanlist",
    b"n": "modcanedit", b"o": "modpostonly", b"r": "remote", b"s": "modsub", b"u": "subpostonly",
}  # fmt: skip
"""The file that says a switch of ezmlm-make, by being there."""
_MODERATED_BY = {b"8": "modsub", b"9": "remote", b"7": "modpost"}
_WITH_MODERATORS, _WITH_PARTS = b"rs", b"krsu"
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
    for name, text in (("dir", plan.directory), ("local", plan.local), ("host", plan.host)):
        if b"\n" in text:
            raise Permanent(f"newlines not allowed in {name}")
        if not text:
            raise Permanent(f"{name} is empty")


def directories(plan: Plan) -> tuple[str, ...]:
    """The directories of a list, those above before what is in them."""
    found = list(MODERATED_DIRECTORIES if plan.is_moderated else DIRECTORIES)
    if plan.has(_WITH_MODERATORS) and not plan.is_moderated:
        found += ["mod", "mod/subscribers"]
    if plan.has(_WITH_PARTS):
        found += [name for part in ("allow", "deny") for name in (part, part + "/subscribers")]
    return tuple(found)


def links(plan: Plan) -> dict[str, str]:
    """What is put behind the name of the list's .qmail file, and the file that it is."""
    return dict(MODERATED_LINKS if plan.is_moderated else LINKS)


def files(plan: Plan) -> dict[str, bytes]:
    """Name to content of every file."""
    found = {
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
    if plan.is_archived:
        found["archived"] = b""
    if plan.is_public:
        found["public"] = b""
    for letter, name in _MARKS.items():
        if letter in plan.switches:
            found[name] = b""
    found |= _instructions(plan)
    for digit, path in plan.arguments:
        name = _MODERATED_BY.get(digit, "")
        if name in found and path[:1] == b"/":
            found[name] = path + b"\n"
    return {**found, **_words(plan)}


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


def _instructions(plan: Plan) -> dict[str, bytes]:
    """The list's .qmail files. A letter to a subscriber that fails is no reason to handle a message again."""
    names = (b"manage", b"return", b"warn", b"moderate", b"clean")
    manage, back, warn, moderate, clean = (_line(plan, name) for name in names)
    then_warn = warn + b" || exit 0\n"
    moderator = {"moderator": moderate + b"\n", "modpost": b""} if plan.is_moderated else {}
    if plan.is_moderated:
        then_warn = clean + b" || exit 0\n" + then_warn
    owner = dict(plan.arguments).get(b"5") or plan.directory + b"/Mailbox"
    return {
        **moderator,
        "editor": _posting(plan) + then_warn,
        "manager": manage + b"\n" + then_warn,
        "bouncer": then_warn + _line(plan, b"weed", b"") + b"\n" + back + b"\n",
        "owner": owner + b"\n" + then_warn,
    }


def _posting(plan: Plan) -> bytes:
    """What a message goes through before it is sent."""
    lines = [_line(plan, b"reject", b"")]
    if plan.has(_WITH_PARTS):
        lines.append(_line(plan, b"checksub", b"-n ", b" deny"))
    if plan.has(b"u") and plan.is_moderated:
        lines.append(_line(plan, b"gate", behind=_WRITERS))
    elif plan.is_moderated:
        lines.append(_line(plan, b"store"))
    else:
        lines += [_line(plan, b"checksub", behind=_WRITERS)] if plan.has(b"u") else []
        lines.append(_line(plan, b"send"))
    return b"".join([line + b"\n" for line in lines])


_WRITERS = b" . digest allow mod"  # whoever may write to a list of subscribers


def _line(plan: Plan, name: bytes, before: bytes | None = None, behind: bytes = b"") -> bytes:
    """A line that runs a program, with the list's directory unless `before` is empty."""
    program = b"|'%s/ezmlm-%s'" % (plan.programs, name)
    return program if before == b"" else program + b" %s'%s'%s" % (before or b"", plan.directory, behind)


def _added(local: bytes, host: bytes) -> bytes:
    """The fields that tell mail programs what can be done with the list. (RFC 2369 §3, RFC 2919 §3)"""
    lines = [b"Precedence: bulk", b"List-Id: <%s.%s>" % (local, host), b"List-Post: <mailto:%s@%s>" % (local, host)]
    for name in (b"help", b"subscribe", b"unsubscribe", b"owner"):
        lines.append(b"List-%s: <mailto:%s-%s@%s>" % (name.capitalize(), local, name, host))
    return b"\n".join(lines) + b"\n"

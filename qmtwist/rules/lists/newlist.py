"""The files of a new list. (ezmlm-make)"""

from __future__ import annotations

from qmtwist.mail.errors import Permanent
from qmtwist.mail.shapes import NamedTuple

from .cookie import KEYED
from .texts import TEXTS

DIRECTORIES = ("subscribers", "archive", "bounce", "text")
LINKS = (("", "editor"), ("-owner", "owner"), ("-default", "manager"), ("-return-default", "bouncer"))
"""What is put behind the name of the list's .qmail file, and the file that it is."""
MODERATED_DIRECTORIES = (*DIRECTORIES, "mod", "mod/subscribers", "mod/pending", "mod/accepted", "mod/rejected")
MODERATED_LINKS = (*LINKS, ("-accept-default", "moderator"), ("-reject-default", "moderator"))
"""The same for a list with moderators."""
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


def check(plan: Plan) -> None:
    """:raises Permanent: a name that would mean something else in one of the files."""
    if plan.directory[:1] != b"/":
        raise Permanent("dir must start with slash")
    if b"'" in plan.directory or b"'" in plan.programs:
        raise Permanent("quotes not allowed in dir")
    for name, text in (("dir", plan.directory), ("local", plan.local), ("host", plan.host)):
        if b"\n" in text:
            raise Permanent(f"newlines not allowed in {name}")
        if not text:
            raise Permanent(f"{name} is empty")


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
        "headeradd": _added(plan.local, plan.host),
        "key": KEYED + plan.secret.hex().encode() + b"\n",
        **_instructions(plan),
    }
    if plan.is_archived:
        found["archived"] = b""
    if plan.is_public:
        found["public"] = b""
    for name, text in TEXTS.items():
        found["text/" + name] = text.encode().replace(b"<#l#>", plan.local).replace(b"<#h#>", plan.host)
    return found


def _instructions(plan: Plan) -> dict[str, bytes]:
    """The list's .qmail files. A letter to a subscriber that fails is no reason to handle a message again."""
    names = (b"store" if plan.is_moderated else b"send", b"manage", b"return", b"warn", b"moderate", b"clean")
    send, manage, back, warn, moderate, clean = (
        b"|'%s/ezmlm-%s' '%s'" % (plan.programs, name, plan.directory) for name in names
    )
    reject, weed = (b"|'%s/ezmlm-%s'\n" % (plan.programs, name) for name in (b"reject", b"weed"))
    then_warn = warn + b" || exit 0\n"
    moderator = {"moderator": moderate + b"\n", "modpost": b""} if plan.is_moderated else {}
    if plan.is_moderated:
        then_warn = clean + b" || exit 0\n" + then_warn
    return {
        **moderator,
        "editor": reject + send + b"\n" + then_warn,
        "manager": manage + b"\n" + then_warn,
        "bouncer": then_warn + weed + back + b"\n",
        "owner": plan.directory + b"/Mailbox\n" + then_warn,
    }


def _added(local: bytes, host: bytes) -> bytes:
    """The fields that tell mail programs what can be done with the list. (RFC 2369 §3, RFC 2919 §3)"""
    lines = [b"Precedence: bulk", b"List-Id: <%s.%s>" % (local, host), b"List-Post: <mailto:%s@%s>" % (local, host)]
    for name in (b"help", b"subscribe", b"unsubscribe", b"owner"):
        lines.append(b"List-%s: <mailto:%s-%s@%s>" % (name.capitalize(), local, name, host))
    return b"\n".join(lines) + b"\n"

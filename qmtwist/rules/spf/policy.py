"""What a result means for a recipient: control/spfbehavior in the numbers that qmail's users know.

0  nobody is asked
1  the result is told in a Received-SPF field, and nothing is refused
2  451 if DNS does not answer
3  and 550 if the domain says that the client may not (`fail`)
4  and at `softfail`
5  and at `neutral`
6  and whatever is not `pass`
"""

from __future__ import annotations

from qmtwist.mail.errors import Malformed
from qmtwist.mail.literal import parse_address
from qmtwist.mail.shapes import Mapping, NamedTuple

from .check import FAIL, NEUTRAL, NONE, PERMERROR, SOFTFAIL, TEMPERROR, Client, Result, identity
from .macros import Values, expand, has_only_letters, is_explanation

LEVELS = 6
TEXT_BYTES = 300  # of an explanation that a client is told
_REFUSED_FROM = {TEMPERROR: 2, FAIL: 3, SOFTFAIL: 4, NEUTRAL: 5, NONE: 6, PERMERROR: 6}
_WORDS = {
    FAIL: b"does not let your host send mail for it",
    SOFTFAIL: b"probably does not let your host send mail for it",
    NEUTRAL: b"does not say whether your host may send mail for it",
    NONE: b"has no SPF record",
}


class Refusal(NamedTuple):
    """What a client is answered; `text` may have any bytes of the domain's. `status` as RFC 7372 §3.2 has it."""

    code: int
    status: bytes
    text: bytes


def level(default: int, variables: Mapping[bytes, bytes]) -> int:
    """How strict we are with a client, `variables` being those of its rule: SPFBEHAVIOR counts before the file.

    A client with RELAYCLIENT is one of ours. What is no number counts as if it were not there.

    >>> level(3, {b"SPFBEHAVIOR": b"1"}), level(3, {b"RELAYCLIENT": b""}), level(3, {b"SPFBEHAVIOR": b"x"})
    (1, 0, 3)
    """
    if b"RELAYCLIENT" in variables:
        return 0
    text = variables.get(b"SPFBEHAVIOR", b"")
    return min(int(text[:4]), LEVELS) if text.isdigit() else default


def judge(result: Result, strictness: int, client: Client, words: bytes = b"") -> Refusal | None:
    """Whether the result keeps a message out; `words` is control/spfexp, for domains that do not explain themselves."""
    if strictness < _REFUSED_FROM.get(result.code, LEVELS + 1):
        return None
    domain = identity(client.sender, client.helo).rpartition(b"@")[2]
    problem = result.problem.encode()
    if result.code == TEMPERROR:
        return Refusal(451, b"4.7.24", b"SPF: %s; please try again later (#4.7.24)" % problem)
    if result.code == PERMERROR:
        return Refusal(550, b"5.7.24", b"SPF: %s: %s (#5.7.24)" % (domain, problem))
    if result.code == FAIL and result.explanation:
        said = b"%s explains: %s" % (domain, result.explanation[:TEXT_BYTES])
    else:
        said = b"%s %s" % (domain, _WORDS[result.code])
        said += b": " + _expanded(words, client, domain)[:TEXT_BYTES] if words else b""
    return Refusal(550, b"5.7.23", b"SPF: %s (#5.7.23)" % said)


def _expanded(words: bytes, client: Client, domain: bytes) -> bytes:
    ip = parse_address(client.ip.partition(b"%")[0]) or "unknown"
    return expand(words, Values(identity(client.sender, client.helo), ip, *client[2:]), domain)


def check_words(text: bytes) -> None:
    """Whether control/spfexp can be used.

    :raises Malformed: it has a wrong macro.
    """
    if not is_explanation(text) or not has_only_letters(text, b"slodihcrtv"):
        raise Malformed("it has a wrong macro; write %{i} for the client's address, %{s} for the sender")

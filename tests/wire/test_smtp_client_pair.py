"""The SMTP client core back to back with the server core, and with servers that answer anything."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.outcome import Verdict
from qmtwist.wire.outgoing import Tls
from qmtwist.wire.smtp.client import ClientSession
from qmtwist.wire.smtp.reply import Reply, reply
from tests.support.cuts import cuts
from tests.support.outgoing import Letter, Sender
from tests.support.smtp_pump import Player

REFUSALS = {b"h": reply(550, b"5.1.1", b"no"), b"s": reply(450, b"4.2.1", b"later")}

# what smuggling is made of, and anything else
SNIPPETS = st.sampled_from(
    [b"\r", b"\n", b".", b"\r\n", b"\n.\n", b"\r.\r", b"\r\n.\r\n", b"MAIL FROM:<>", b"a", b"\0"]
)
MESSAGES = st.one_of(st.lists(SNIPPETS, max_size=30).map(b"".join), st.binary(max_size=200))
LOCALS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"], exclude_characters="\x7f"), max_size=12)
ADDRESSES = LOCALS.map(lambda local: local.encode("latin-1") + b"@far.example")


def stored(message: bytes) -> bytes:
    """What arrives: each line end, however it was stored, is one LF."""
    return message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def complete(message: bytes) -> bytes:
    return message if not message or message[-1:] in b"\r\n" else message + b"\n"


@st.composite
def letters(draw: st.DrawFn) -> tuple[Letter, dict[bytes, bytes]]:
    """A letter, and the letter (r, h, s) that each recipient's answer is."""
    recipients = draw(st.dictionaries(ADDRESSES, st.sampled_from([b"r", b"r", b"h", b"s"]), min_size=1, max_size=5))
    message = complete(draw(MESSAGES))
    return Letter(draw(st.one_of(st.just(b""), ADDRESSES)), list(recipients), *draw(cuts(message))), recipients


@settings(deadline=None)
@given(st.lists(letters(), min_size=1, max_size=3), st.booleans(), st.data())
def test_what_is_sent_is_delivered_to_whom_it_was_accepted_for(
    work: list[tuple[Letter, dict[bytes, bytes]]], is_pipelining: bool, data: st.DataObject
) -> None:
    verdicts: dict[bytes, bytes] = {}

    def refuse(address: bytes) -> Reply | None:
        return REFUSALS.get(verdicts[address])

    server = Player(refuse=refuse)
    sender = Sender(ClientSession(b"client.example.com", b"192.0.2.1", Tls.MAY), [letter for letter, _ in work])
    said = server.said
    for _, recipients in work:
        verdicts.update(recipients)
    # an address has one verdict: the last
    while said:
        answer = said if is_pipelining else said.replace(b"PIPELINING", b"X-IPELINING")
        heard = sender.receive(*data.draw(cuts(answer)))
        said = server.send(*data.draw(cuts(heard))) if heard else b""

    expected = []
    for result, (letter, recipients) in zip(sender.results, work, strict=True):
        wanted = [verdicts[address] for address in recipients]
        assert [record for record, _ in result.recipients] == wanted
        outcomes = result.outcomes(len(wanted))
        is_accepted = [outcome.verdict is Verdict.SUCCESS for outcome in outcomes]
        assert is_accepted == [verdict == b"r" for verdict in wanted]
        accepted = tuple(address for address in recipients if verdicts[address] == b"r")
        if accepted:
            expected.append((Envelope(letter.transaction.sender, accepted), stored(b"".join(letter.pieces))))
    assert server.messages == expected


# -- whatever the other side answers

ANSWERS = st.sampled_from(
    [
        b"220 hi\r\n", b"250 ok\r\n", b"250-mx\r\n250 PIPELINING\r\n", b"354 go\r\n", b"421 bye\r\n", b"450 no\r\n",
        b"550 no\r\n", b"250-", b"\r\n", b"no\r\n", b"250 ok\r\n354 go\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n",
    ]
)  # fmt: skip


@st.composite
def encounters(draw: st.DrawFn) -> Any:
    """A message in pieces, and what the server says; mostly what a good one would."""
    message = draw(MESSAGES)
    good = draw(st.sampled_from([b"250 mx\r\n", b"250-mx\r\n250 PIPELINING\r\n"]))
    script = [b"220 hi\r\n", good, b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n", b"250 kept\r\n"]
    for place in draw(st.lists(st.integers(0, len(script) - 1), max_size=3)):
        script[place] = draw(ANSWERS)
    return message, draw(cuts(message)), script


@settings(deadline=None)
@given(encounters())
def test_no_bare_cr_or_lf_and_no_end_but_the_last_ever_leaves(encounter: Any) -> None:
    message, pieces, script = encounter
    recipients = [b"u@far.example", b"v@far.example"]
    sender = Sender(ClientSession(b"mail.example.org", b"192.0.2.1", Tls.MAY), [Letter(b"", recipients, *pieces)])
    for answer in script:
        sender.receive(answer)
    sender.eof()
    rest = sender.wrote.replace(b"\r\n", b"")
    commands = sender.wrote
    for body in sender.bodies:
        lines = body.split(b"\r\n")
        assert b"." not in lines[:-2]
        commands = commands.replace(body, b"", 1)
    assert b"\r" not in rest and b"\n" not in rest
    # beside messages there are only commands, and the end of a message for nobody
    for line in commands.split(b"\r\n"):
        assert line == b"." or line[:4] in (b"EHLO", b"HELO", b"MAIL", b"RCPT", b"DATA", b"QUIT", b"")
    successes = [
        outcome for result in sender.results for outcome in result.outcomes(2) if outcome[0] is Verdict.SUCCESS
    ]
    if successes:
        assert [body.endswith(b"\r\n.\r\n") or body == b".\r\n" for body in sender.bodies] == [True]
        received = [line.removeprefix(b".") for line in sender.bodies[0][:-3].split(b"\r\n")]
        assert b"\n".join(received) == stored(message)
    assert len(sender.results) == 1

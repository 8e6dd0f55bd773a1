"""What qmail-inject lets through, our SMTP client can send and our SMTP server takes, as it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.header import Field, HeaderReader
from qmtwist.mail.outcome import Verdict
from qmtwist.rules.completion import Hosts, Unparsable
from qmtwist.rules.inject import BOTH, Person, Submission, complete
from qmtwist.wire.outgoing import Tls
from qmtwist.wire.smtp.client import ClientSession
from tests.support.outgoing import Letter, Sender
from tests.support.smtp_pump import Player

HOSTS = Hosts(b"def.example", b"example.org", b"plus.example", b"id.example")

# what addresses are made of, and what is made to break them
SIGNS = b'@ , ; : < > ( ) [ ] " \\ . + \\@ \\" \\, \r \t <> @[] g: @r: \0 \x7f'.split(b" ")
PARTS = b'joe ann host .example @[127.0.0.1] "a b" (c) \xe9'.split(b" ")
SNIPPETS = st.sampled_from([*SIGNS, *PARTS, b" ", b"\n ", b"\\\n ", b"x" * 300])
TEXTS = st.one_of(st.lists(SNIPPETS, max_size=10).map(b"".join), st.binary(max_size=20))
NAMES = st.sampled_from([b"To", b"Cc", b"From", b"Reply-To", b"Return-Path", b"Subject", b"Resent-To", b"X-Y"])
ENVIRONMENT = TEXTS.map(lambda text: text.replace(b"\0", b""))
WORDS = st.lists(ENVIRONMENT, max_size=3).map(tuple)


@st.composite
def fields(draw: st.DrawFn) -> list[Field]:
    """A header as it is read: a line end in it stands before a blank."""
    pairs = draw(st.lists(st.tuples(NAMES, TEXTS), max_size=4))
    lines = [(name, text.replace(b"\n", b"\n ")) for name, text in pairs]
    return [Field(name.lower(), name + b": " + text + b"\n") for name, text in lines]


@given(
    fields(), st.builds(Person, ENVIRONMENT, st.none() | ENVIRONMENT, st.none() | ENVIRONMENT, ENVIRONMENT, st.none()),
    WORDS, st.none() | ENVIRONMENT, st.sampled_from([b"", b"c", b"r", b"mr", b"fis"]),
    st.sampled_from([b"\nbody\n", b"\n.\r\n\r\r\n..", b"\n\xff\0\n", b""]),
)  # fmt: skip
def test_what_is_injected_is_sent_and_accepted(
    header: list[Field], person: Person, words: tuple[bytes, ...], sender: bytes | None, letters: bytes, body: bytes
) -> None:
    submission = Submission(words, BOTH, sender, letters, frozenset(), 1795238029, 77, 5)
    try:
        done = complete(header, HOSTS, person, submission)
    except Unparsable:
        return
    if not done.recipients:
        return
    message = done.header + body + (b"" if body.endswith(b"\n") or not body else b"\n")
    server = Player()
    client = Sender(
        ClientSession(b"client.example.com", b"192.0.2.1", Tls.MAY),
        [Letter(done.sender, list(done.recipients), message)],
    )
    said = server.said
    while said:
        heard = client.receive(said)
        said = server.send(heard) if heard else b""
    outcomes = client.results[0].outcomes(len(done.recipients))
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SUCCESS] * len(outcomes), outcomes
    stored = message.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert server.messages == [(Envelope(done.sender, done.recipients), stored)]


@given(fields(), st.binary(max_size=30))
def test_a_completed_header_is_a_header(header: list[Field], body: bytes) -> None:
    submission = Submission((b"a@b.c",), BOTH, None, b"", frozenset(), 1795238029, 77, 5)
    try:
        done = complete(header, HOSTS, Person(b"joe", None, None, b"joe", None), submission)
    except Unparsable:
        return
    reader = HeaderReader()
    reader.receive(done.header + b"\n" + body)
    reader.eof()
    assert b"".join(field.raw for field in reader.fields) == done.header
    assert reader.rest == b"\n" + body

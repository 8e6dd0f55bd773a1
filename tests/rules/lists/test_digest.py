"""Collections of messages, whatever is in them."""

from __future__ import annotations

from email import message_from_bytes

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.header import Field
from qmtwist.rules.lists import digest, due
from qmtwist.rules.lists.digest import Look, Words
from qmtwist.rules.lists.heading import cut
from qmtwist.rules.lists.plaintext import readable
from qmtwist.rules.lists.threads import Entry

LINE = st.binary(max_size=80).map(lambda text: text.replace(b"\n", b""))
TEXT = st.lists(st.one_of(LINE, st.just(b"-" * 30), st.just(b"-" * 31), st.just(b""))).map(b"\n".join)
ENTRY = st.builds(Entry, st.integers(1, 999), st.just(0), st.sampled_from([b"a", b"b"]), LINE, st.just(b""), LINE)


@given(TEXT, LINE)
def test_no_line_of_a_message_ends_it(text: bytes, subject: bytes) -> None:
    fields = [Field(b"subject", b"Subject: " + subject + b"\n folded\n")]
    made = digest.plain_message(fields, text)
    assert made.split(b"\n").count(b"-" * 30) == 1 and made.endswith(b"\n\n" + b"-" * 30 + b"\n\n")
    assert made.partition(b"\n\n")[0].count(b"\n") == 0


@given(st.lists(ENTRY, max_size=20))
def test_every_message_has_a_line_in_the_table(found: list[Entry]) -> None:
    rows = digest.threads(found)
    table = digest.contents(rows, Words()).decode()
    assert table.count("\n\t") == len(found) and table.count("\n") == len(found) + 2 * len(rows)
    assert sorted(entry for row in rows for entry in row) == sorted(found)
    assert all(letter.isprintable() or letter in "\n\t" for letter in table)


@given(st.binary(max_size=400), st.sampled_from([b"m", b"x", b"v", b"n"]))
def test_a_message_is_one_part(text: bytes, form: bytes) -> None:
    look = Look(form, b'a"b\nc', b"boundary")
    found = cut(text)
    whole = b"MIME-Version: 1.0\nContent-Type: " + look.kind + b"\n\n" + digest.introduction(look, b"s", b"", b"x")
    whole += digest.message(look, 7, found.fields, found.rest) + digest.end(look)
    parts = message_from_bytes(whole).get_payload()
    if b"--boundary" not in text:
        assert [part.get_content_type() for part in parts] == ["text/plain", "message/rfc822"]
        assert parts[1].get_filename() == "a_b_c_7.eml"


@given(st.binary(max_size=600))
def test_any_message_can_be_read(text: bytes) -> None:
    readable(text).decode()  # or raises
    assert readable(b"Subject: s\n\n" + b"words " + text.translate(None, bytes(range(128, 256)))).startswith(b"words ")


@given(st.binary(max_size=60))
def test_any_line_has_limits_or_none(text: bytes) -> None:
    assert all(value.isdigit() for value in due.limits_in(text).values())

"""Leaving a list by one click: who can, and who cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.lists import oneclick

SECRET = b"5" * 64
SENDER = b"list-return-7-@h.dom-@[]"
KEY = oneclick.posting_key(SECRET, 7)
LINE = b"Received: (qmail 9 invoked by uid 1000); 21 Nov 2026 05:13:49 -0000\n"
WORDS = st.text("abcdefgXYZ0189-+_=.", min_size=1, max_size=30).map(str.encode)
ADDRESSES = st.builds(lambda local, host: local + b"@" + host, WORDS, st.sampled_from([b"x.y", b"Host.Example"]))


def leave(address: bytes, sender: bytes = SENDER, key: bytes = KEY) -> oneclick.Click | None:
    local = oneclick.leaving(sender, address, key).rpartition(b"@")[0]
    assert local.startswith(b"list-")
    return oneclick.parse(local[5:])


@given(ADDRESSES)
def test_what_a_recipient_gets_is_taken_for_him_alone(address: bytes) -> None:
    click = leave(address)
    assert click is not None and (click.number, click.target) == (7, address)
    assert oneclick.is_valid(click, SECRET, 7)
    assert not oneclick.is_valid(click._replace(target=b"z" + address), SECRET, 7)
    assert not oneclick.is_valid(click._replace(number=6), SECRET, 7)
    assert not oneclick.is_valid(click, b"6" * 64, 7)


@given(ADDRESSES, st.binary(max_size=40))
def test_only_links_of_the_server_lead_anywhere(address: bytes, noise: bytes) -> None:
    leaving = oneclick.leaving(SENDER, address, KEY)
    token = oneclick.token(SECRET, leaving)
    assert oneclick.address_of(SECRET, token) == leaving
    assert not set(token) - set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert oneclick.address_of(SECRET, noise) is None
    assert oneclick.address_of(SECRET, noise + b"." + token.partition(b".")[2]) is None
    assert oneclick.target_of(leaving) == (b"list@h.dom", address)


def test_a_posting_that_was_never_sent_is_left_by_nobody() -> None:
    click = leave(b"ann@x.y")
    assert click is not None and oneclick.is_valid(click, SECRET, 7) and not oneclick.is_valid(click, SECRET, 6)
    assert not oneclick.is_valid(click, b"\n", 7)


def test_a_digest_is_left_by_its_own_links() -> None:
    sender, key = b"list-digest-return-7-@h.dom-@[]", oneclick.posting_key(SECRET, 7, b"digest")
    address = oneclick.leaving(sender, b"ann@x.y", key)
    click = oneclick.parse(address.removeprefix(b"list-").rpartition(b"@")[0])
    assert click is not None and (click.part, click.target) == (b"digest", b"ann@x.y")
    assert oneclick.is_valid(click, SECRET, 7) and not oneclick.is_valid(click._replace(part=b""), SECRET, 7)
    assert oneclick.target_of(address) == (b"list-digest@h.dom", b"ann@x.y")
    posting = leave(b"ann@x.y")
    assert posting is not None and not oneclick.is_valid(posting._replace(part=b"digest"), SECRET, 7)


def test_case_does_not_count() -> None:
    click = leave(b"Ann@X.y")
    assert click is not None and oneclick.is_valid(click._replace(target=b"ann@x.y"), SECRET, 7)


@pytest.mark.parametrize(
    "sender",
    [b"", b"#@[]", b"joe@h", b"list-return-@h-@[]", b"list-return-x-@h-@[]", b"-return-7-@h-@[]",
     b"a b-return-7-@h-@[]", b"l-return-7-@h>\n-@[]"],
)  # fmt: skip
def test_other_senders_are_no_lists(sender: bytes) -> None:
    assert oneclick.leaving(sender, b"ann@x.y", KEY) == b""


@pytest.mark.parametrize("recipient", [b"ann", b"a b@x", b'"a"@x', b"a>@x", b"a\n@x", "ä@x".encode()])
def test_addresses_that_would_need_quotes_get_no_link(recipient: bytes) -> None:
    assert oneclick.leaving(SENDER, recipient, KEY) == b""


def test_the_mark_is_found_where_the_queue_has_it_and_nowhere_else() -> None:
    mark = oneclick.mark(SECRET, 7)
    text = LINE + mark + b"Mailing-List: x\n\nbody\n"
    assert oneclick.find(text) == (len(LINE), len(LINE + mark), KEY)
    assert oneclick.without_mark(text) == LINE + b"Mailing-List: x\n\nbody\n"
    from_network = LINE + b"Received: from x (127.0.0.1)\n  by h with SMTP; x\n" + mark + b"\n"
    for other in (mark, mark + LINE, from_network, LINE + b"A: b\n" + mark, LINE + mark[:-1], LINE + mark.upper(), b""):
        assert oneclick.find(other) is None and oneclick.without_mark(other) == other


def test_the_fields_are_those_of_the_rfc() -> None:
    address = oneclick.leaving(SENDER, b"ann@x.y", KEY)
    text = oneclick.fields(address, b"https://h.dom/u/abc").decode()
    cookie = oneclick.cookie(KEY, b"ann@x.y").decode()
    assert text == (
        f"List-Unsubscribe: <https://h.dom/u/abc>,\n\t<mailto:list-uo.7.{cookie}-ann%3Dx.y@h.dom>\n"
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    )


def test_an_address_in_a_link_is_written_as_links_want_it() -> None:
    text = oneclick.fields(b"l-uo.7.c-a%b&c=d/e?f=x.y@h", b"")
    assert text == b"List-Unsubscribe: <mailto:l-uo.7.c-a%25b%26c%3Dd%2Fe%3Ff%3Dx.y@h>\n"


def test_what_is_passed_on_comes_from_the_list_itself() -> None:
    address = oneclick.leaving(SENDER, b"ann@x.y", KEY)
    sender, text = oneclick.request(address, b"D", b"1.2", b"192.0.2.7")
    assert sender == b"list-return-@h.dom" and b"\nTo: " + address + b"\n" in text and b"192.0.2.7" in text


@pytest.mark.parametrize("address", [b"", b"l@h", b"l-uo.@h", b"l-uo.7.a@h", b"l-uo.x.a-b=c@h"])
def test_other_addresses_are_left_by_nobody(address: bytes) -> None:
    with pytest.raises(Malformed):
        oneclick.target_of(address)


def test_a_list_may_have_the_word_in_its_name() -> None:
    address = oneclick.leaving(b"a-uo.b-return-7-@h-@[]", b"c-uo.9.x-d@y", KEY)
    assert oneclick.target_of(address) == (b"a-uo.b@h", b"c-uo.9.x-d@y")

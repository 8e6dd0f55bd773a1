"""rules/relay.py: who may name whom."""

from __future__ import annotations

import pytest

from qmtwist.rules.relay import (
    RelayRules,
    is_bad_sender,
    may_receive,
    never,
    parse_literal,
    rewrite_own_address,
    suffixes,
)

OWN = {b"\x7f\x00\x00\x01", b"\x00\x00\x00\x00", b"\x20\x01\x0d\xb8" + b"\0" * 11 + b"\1"}
RULES = RelayRules(
    rcpthosts=frozenset([b"example.org", b".example.net", b"mixed.example.com"]),
    is_more=never,
    badmailfrom=frozenset([b"bad@example.com", b"@spam.example", b"mixed@case.example", b"noat"]),
    relayclient=None,
    localiphost=b"local.example",
    is_own=OWN.__contains__,
)


@pytest.mark.parametrize(
    ("recipient", "is_ours"),
    [
        (b"u@example.org", True),
        (b"u@EXAMPLE.ORG", True),
        (b"u@mixed.example.com", True),
        (b"u@sub.example.net", True),
        (b"u@a.b.example.net", True),
        (b"u@.example.net", True),  # as in qmail
        (b"postmaster", True),
        (b"", True),
        (b"u%evil.example@example.org", True),
        (b"u@evil.example@example.org", True),
        (b"evil.example!u@example.org", True),
        (b"u@example.net", False),
        (b"u@sub.example.org", False),
        (b"u@xexample.org", False),
        (b"u@example.org.", False),
        (b"u@example.org ", False),
        (b"u@evil.example", False),
        (b"u@example.org@evil.example", False),
        (b"u@", False),
        (b"u@[192.0.2.9]", False),
    ],
)
def test_the_domain_after_the_last_at_decides(recipient: bytes, is_ours: bool) -> None:
    assert may_receive(RULES, recipient) is is_ours


def test_without_rcpthosts_everything_is_taken_and_with_an_empty_one_nothing() -> None:
    assert may_receive(RULES._replace(rcpthosts=None), b"u@anything.example")
    assert not may_receive(RULES._replace(rcpthosts=frozenset()), b"u@anything.example")
    assert may_receive(RULES._replace(rcpthosts=frozenset()), b"noat")


def test_morercpthosts_is_asked_after_rcpthosts_for_each_suffix_in_lower_case() -> None:
    asked: list[bytes] = []

    def is_more(name: bytes) -> bool:
        asked.append(name)
        return name == b".wild.example"

    rules = RULES._replace(is_more=is_more)
    assert may_receive(rules, b"u@example.org") and asked == []
    assert may_receive(rules, b"u@A.Wild.Example")
    assert asked == [b"a.wild.example", b".wild.example"]
    assert not may_receive(rules, b"u@wild.example")
    asked.clear()
    assert may_receive(rules._replace(rcpthosts=None), b"u@x.y") and asked == []


@pytest.mark.parametrize(
    ("sender", "is_bad"),
    [
        (b"bad@example.com", True),
        (b"BAD@EXAMPLE.COM", True),
        (b"x@spam.example", True),
        (b"x@Spam.Example", True),
        (b"mixed@CASE.example", True),
        (b"noat", True),
        (b"x@sub.spam.example", False),
        (b"good@example.com", False),
        (b"", False),
    ],
)
def test_badmailfrom_lists_addresses_and_domains(sender: bytes, is_bad: bool) -> None:
    assert is_bad_sender(RULES, sender) is is_bad
    assert not is_bad_sender(RULES._replace(badmailfrom=frozenset()), sender)


@pytest.mark.parametrize(
    ("address", "rewritten"),
    [
        (b"u@[127.0.0.1]", b"u@local.example"),
        (b"u@[0.0.0.0]", b"u@local.example"),
        (b"u@[127.00.0.257]", b"u@local.example"),  # numbers wrap, as qmail's do
        (b"u@v@[127.0.0.1]", b"u@v@local.example"),
        (b"u@[IPv6:2001:db8::1]", b"u@local.example"),
        (b"u@[ipv6:2001:0db8:0:0::0001]", b"u@local.example"),
        (b"u@[192.0.2.99]", b"u@[192.0.2.99]"),
        (b"u@[127.0.0.1]x", b"u@[127.0.0.1]x"),
        (b"u@127.0.0.1", b"u@127.0.0.1"),
        (b"u@[127.0.0]", b"u@[127.0.0]"),
        (b"u@[127.0.0.1.]", b"u@[127.0.0.1.]"),
        (b"u@[IPv6:nonsense\xff]", b"u@[IPv6:nonsense\xff]"),
        (b"[127.0.0.1]", b"[127.0.0.1]"),
    ],
)
def test_our_own_address_becomes_our_name(address: bytes, rewritten: bytes) -> None:
    assert rewrite_own_address(RULES, address) == rewritten


def test_without_localiphost_nothing_is_rewritten() -> None:
    assert rewrite_own_address(RULES._replace(localiphost=None), b"u@[127.0.0.1]") == b"u@[127.0.0.1]"


def test_an_endless_number_is_no_literal() -> None:
    assert parse_literal(b"[1.2.3.%s]" % (b"9" * 5000)) is None


def test_suffixes_begin_at_every_dot_but_the_first_byte() -> None:
    assert suffixes(b".a.b") == [b".a.b", b".b"]
    assert suffixes(b"") == [b""]

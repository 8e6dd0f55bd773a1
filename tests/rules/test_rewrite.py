"""Rules that rewrite hosts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.tolerant import Member
from qmtwist.rules.completion import Hosts
from qmtwist.rules.rewrite import HOST_BYTES, Rules, default_lines, parse_rule

DEFAULTS = Rules(default_lines(Hosts(b"example.org", b"example.org", b"plus.example.net", b"id")))
RECORDED = Rules([b"=post:new.dom", b"*.sub:.subdom.net", b"?:.dflt.org", b"-.local:gw.org", b"=nothing"])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"", b"example.org"),
        (b"short", b"short.example.org"),
        (b"x+", b"x.plus.example.net"),
        (b"a.b.", b"a.b"),
        (b"a.b", b"a.b"),
        (b"[1.2.3.4]", b"[1.2.3.4]"),
        (b"[f]", b"[f]"),
        (b"short.", b"short.example.org"),
    ],
)
def test_without_a_file_hosts_are_completed(host: bytes, expected: bytes) -> None:
    assert DEFAULTS.host(host) == expected


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        (b"POST", b"new.dom"),
        (b"x.SUB", b"x.subdom.net"),
        (b"h.local", b"gw.org"),
        (b"", b".dflt.org"),
        (b"a.b", b"a.b"),
    ],
)
def test_a_file_says_what_becomes_of_a_host(host: bytes, expected: bytes) -> None:
    assert RECORDED.host(host) == expected


def test_each_rule_is_tried_once_and_sees_what_is_left() -> None:
    assert Rules([b"=one:two", b"=two:three", b"=one:four"]).host(b"one") == b"three"
    assert Rules([b"=two:three", b"=one:two"]).host(b"one") == b"two"


@pytest.mark.parametrize("line", [b"", b"post:new", b"=nothing", b"+post:new", b"#=post:new", b":"])
def test_another_line_is_no_rule(line: bytes) -> None:
    assert parse_rule(line) is None


def test_the_empty_address_stays_empty() -> None:
    assert DEFAULTS.address(b"") == b""
    assert DEFAULTS.member(Member(b"nobody", None, b"")) == Member(b"nobody", None, b"")
    assert DEFAULTS.member(Member(b"", b"", b"")).address == b""


def test_only_what_stands_behind_the_last_at_is_the_host() -> None:
    assert DEFAULTS.address(b"a@b@short") == b"a@b@short.example.org"


@given(st.lists(st.binary(max_size=20), max_size=8), st.binary(max_size=30))
def test_any_rules_make_something_of_any_host(lines: list[bytes], host: bytes) -> None:
    rules = Rules(lines)
    assert len(rules.host(host)) <= HOST_BYTES
    assert rules.host(host * 100) == host * 100 or len(host) * 100 <= HOST_BYTES


def test_rules_that_feed_each_other_end() -> None:
    begun = time.process_time()
    rules = Rules([b"*:" + b"x" * 100] * 100_000)
    assert rules.host(b"h") == b"h"
    assert time.process_time() - begun < 5

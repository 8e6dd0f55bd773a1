"""rules/peers.py: tcprules' language, tcpserver's order, and the blocks that go beyond them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.peers import ALLOW, NOBODY, Decision, lookup, parse
from qmtwist.rules.tcprules import BadRule

TYPICAL = b'127.:allow,RELAYCLIENT=""\n1.2.3.6:allow,RELAYCLIENT=""\n192.168.:allow,RELAYCLIENT=""\n:allow\n'


def word(text: bytes, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> bytes:
    """The W variable of the rule that decides, `deny`, or nothing."""
    decision = lookup(parse(text), ip, host, info)
    return b"deny" if decision.is_denied else decision.variables.get(b"W", b"")


@pytest.mark.parametrize(
    ("ip", "may_relay"),
    [(b"127.0.0.1", True), (b"1.2.3.6", True), (b"192.168.7.8", True), (b"1.2.3.60", False), (b"12.7.0.1", False),
     (b"2001:db8::1", False)],
)  # fmt: skip
def test_life_with_qmails_rules_let_those_clients_relay(ip: bytes, may_relay: bool) -> None:
    assert (b"RELAYCLIENT" in lookup(parse(TYPICAL), ip, None, None).variables) is may_relay


def test_no_rule_means_allow() -> None:
    assert lookup(NOBODY, b"192.0.2.1", None, None) == ALLOW
    assert lookup(parse(b"10.:deny\n"), b"192.0.2.1", None, None) == ALLOW


ORDER = (
    b'joe@127.0.0.1:allow,W="1"\njoe@=h.example:allow,W="2"\n127.0.0.1:allow,W="3"\n=h.example:allow,W="4"\n'
    b'127.0.0.:allow,W="5"\n127.:allow,W="6"\n=.example:allow,W="7"\n=:allow,W="8"\n:allow,W="9"\n'
).splitlines(keepends=True)


@pytest.mark.parametrize("first", range(9))
def test_the_closest_rule_wins_in_tcpservers_order(first: int) -> None:
    text = b"".join(reversed(ORDER[first:]))  # the order of the lines means nothing
    assert word(text, b"127.0.0.1", b"h.example", b"joe") == b"%d" % (first + 1)


def test_without_a_name_or_info_their_rules_are_passed_over() -> None:
    text = b"".join(ORDER)
    assert word(text, b"127.0.0.1", None, b"joe") == b"1"
    assert word(text, b"127.0.0.1", b"h.example", None) == b"3"
    assert word(text, b"192.0.2.1", None, b"joe") == b"9"
    assert word(text, b"192.0.2.1", b"other.test", None) == b"8"
    assert word(text, b"192.0.2.1", b"a.b.example", None) == b"7"
    assert word(b"@1.2.3.4:deny\n", b"1.2.3.4", None, b"") == b"deny"
    assert word(b"@1.2.3.4:deny\n", b"1.2.3.4", None, None) == b""


def test_a_range_is_each_of_its_numbers() -> None:
    text = b'10.0.0.3-5:deny\n172.16-31.:allow,W="x"\n10.0.0.250-999:deny\n'
    assert [word(text, b"10.0.0.%d" % n) for n in (2, 3, 5, 6, 249, 250, 255)] == [
        b"", b"deny", b"deny", b"", b"", b"deny", b"deny",
    ]  # fmt: skip
    assert [word(text, ip) for ip in (b"172.15.0.1", b"172.16.0.1", b"172.31.9.9", b"172.32.0.1")] == [
        b"", b"x", b"x", b"",
    ]  # fmt: skip
    assert word(b"10.0.0.5-3:deny\n", b"10.0.0.4") == b""


def test_a_prefix_needs_its_dot() -> None:
    assert word(b"127:deny\n127.0.0:deny\n", b"127.0.0.1") == b""


def test_any_byte_may_be_the_quote_and_the_last_of_equal_names_counts() -> None:
    decision = lookup(parse(b'1.:allow,A="x,y",B=/a"b/,C=:colon=x:,D="",A=z2z\n'), b"1.2.3.4", None, None)
    assert decision == Decision(False, {b"A": b"2", b"B": b'a"b', b"C": b"colon=x", b"D": b""}, b"tcprules:1")


def test_the_first_of_equal_addresses_counts() -> None:
    assert word(b"1.2.3.4:deny\n1.2.3.4:allow\n", b"1.2.3.4") == b"deny"


def test_comments_blank_lines_and_lines_without_colon_are_no_rules() -> None:
    assert parse(b"# 1.:deny\n\n   \nnocolonline\n1.:deny \t\n").records == {b"1.": Decision(True, {}, b"tcprules:5")}


@pytest.mark.parametrize(
    "line",
    [b"1.:permit", b"1.:allowx", b"2.:deny;", b"1.: deny", b"1.:allow,A", b"1.:allow,A=x", b"1.:allow,A=", b"::1:allow",
     b"1.a-5:deny", b"1.2-x:deny", b"10.0.0.0/33:deny", b"10.0.0.1/8:deny", b"x/y:deny",
     b"[::1:deny", b"[::1]deny:x", b"[nonsense]:deny", b"[1.2.3.4]:deny", b"[2001:db8::1/32]:deny", b"[\xff]:deny"],
)  # fmt: skip
def test_what_is_no_rule_is_named_with_its_line(line: bytes) -> None:
    with pytest.raises(BadRule) as caught:
        parse(b":allow\n# fine\n" + line + b"\n:deny\n")
    assert (caught.value.number, caught.value.line) == (3, line)


def test_blocks_and_prefixes_are_compared_by_length() -> None:
    text = b'10.0.0.0/8:allow,W="a"\n10.1.:allow,W="b"\n10.1.2.0/23:allow,W="c"\n10.1.2.9:allow,W="d"\n0.0.0.0/0:deny\n'
    assert [word(text, ip) for ip in (b"10.9.9.9", b"10.1.9.9", b"10.1.3.1", b"10.1.2.9", b"192.0.2.1")] == [
        b"a", b"b", b"c", b"d", b"deny",
    ]  # fmt: skip
    assert word(b'10.0.0.0/8:allow,W="block"\n10.:allow,W="dots"\n', b"10.0.0.1") == b"dots"


def test_ipv6_addresses_and_blocks_stand_in_brackets() -> None:
    text = b'[2001:db8::1]:allow,W="one"\n[2001:DB8::/32]:allow,W="block"\n[::1]:allow,RELAYCLIENT=""\n:deny\n'
    assert word(text, b"2001:db8::1") == b"one"
    assert word(text, b"2001:db8:0:0::2") == b"block"
    assert word(text, b"2001:db9::1") == b"deny"
    assert b"RELAYCLIENT" in lookup(parse(text), b"::1", None, None).variables
    assert word(text, b"127.0.0.1") == b"deny"
    assert word(b"[::/0]:deny\n", b"127.0.0.1") == b""


def test_what_is_no_address_gets_the_default() -> None:
    assert word(b'0.0.0.0/0:deny\n:allow,W="d"\n', b"unknown") == b"d"
    assert word(b'0.0.0.0/0:deny\n:allow,W="d"\n', b"\xff") == b"d"


@given(st.lists(st.integers(0, 255), min_size=4, max_size=4), st.integers(0, 32))
def test_a_block_is_what_its_bits_say(parts: list[int], bits: int) -> None:
    value = int.from_bytes(bytes(parts), "big")
    network = value >> (32 - bits) << (32 - bits)
    text = b"%s/%d:deny\n" % (b".".join(b"%d" % byte for byte in network.to_bytes(4, "big")), bits)
    assert word(text, b".".join(b"%d" % part for part in parts)) == b"deny"
    if bits:
        other = (value ^ 1 << (32 - bits)).to_bytes(4, "big")
        assert word(text, b".".join(b"%d" % part for part in other)) == b""


@given(st.binary(max_size=80))
def test_any_text_is_rules_or_a_bad_rule(text: bytes) -> None:
    try:
        lookup(parse(text), b"192.0.2.1", b"host.example", b"joe")
    except BadRule as bad:
        assert bad.line in text

"""rules/tcprules.py: the language, hypothesis against it, and that every way to ask gives the same answer."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qmtwist.rules import peers
from qmtwist.rules.tcprules import BadRule, decode, encode, expand, read

# pieces of rules, and of what is nearly one
PIECES = st.sampled_from(
    [b"1.2.3.", b"1.2.3.4", b"10-20", b"-", b"=", b"=.x", b"@", b"joe@", b":", b":allow", b":deny", b",A=", b'"',
     b'"x"', b",", b"#", b"\n", b" ", b"\t", b"\r", b"[", b"]", b"::1", b"/8", b"2001:db8::", b"\0", b"\xff", b"256",
     b"99999999999999999999"]
)  # fmt: skip
TEXTS = st.one_of(st.binary(max_size=100), st.lists(PIECES, max_size=30).map(b"".join))


def compiled(text: bytes) -> list[tuple[bytes, bytes]]:
    return [(key, encode(rule)) for rule in read(text) for key in rule.keys]


@given(TEXTS)
@example(b"[:allow\n")
@example(b"[::1]:allow,B=]:x]\n")
@example(b"1" * 5000 + b"-2:deny\n")
def test_any_text_becomes_records_or_a_bad_rule(text: bytes) -> None:
    try:
        records = compiled(text)
    except BadRule as bad:
        assert bad.line == text.split(b"\n")[bad.number - 1].rstrip(b" \t")
        return
    for key, data in records:
        assert data == b"" or data.endswith(b"\0")
        assert b"\n" not in key
        decode(data)
    peers.from_records(records)


@given(TEXTS)
def test_a_text_means_what_its_cdb_means(text: bytes) -> None:
    try:
        rules = peers.parse(text)
    except BadRule:
        return
    from_cdb = peers.from_records(compiled(text))
    for ip, host, info in [
        (b"1.2.3.4", None, None),
        (b"1.2.3.15", b"a.x", b"joe"),
        (b"::1", b"x", b""),
        (b"?", None, None),
    ]:
        one, other = peers.lookup(rules, ip, host, info), peers.lookup(from_cdb, ip, host, info)
        assert (one.is_denied, one.variables) == (other.is_denied, other.variables)


@given(st.binary(max_size=60))
def test_any_data_of_a_record_is_read(data: bytes) -> None:
    is_denied, variables = decode(data)
    assert all(b"=" not in name and b"\0" not in name + value for name, value in variables)
    assert is_denied <= (b"D" in data)


V4 = st.integers(0x0A000000, 0x0A0001FF).map(lambda value: str(IPv4Address(value)).encode())
V6 = st.integers(0, 3).map(lambda value: str(IPv6Address((0x20010DB8 << 96) + value)).encode())
NAMES = st.sampled_from([b"h.example", b"a.h.example", b"example", b"H.example", b""])
INFOS = st.sampled_from([b"joe", b""])


def block(value: int, bits: int) -> bytes:
    return b"%s/%d" % (str(IPv4Address(value >> (32 - bits) << (32 - bits))).encode(), bits)


def block6(value: int, bits: int) -> bytes:
    return b"[%s/%d]" % (str(IPv6Address((0x20010DB8 << 96) + value >> (128 - bits) << (128 - bits))).encode(), bits)


ADDRESSES = st.one_of(
    V4,
    V4.map(lambda ip: ip[: ip.rfind(b".") + 1]),
    st.builds(block, st.integers(0x0A000000, 0x0A0001FF), st.integers(0, 32)),
    V6.map(lambda ip: b"[%s]" % ip),
    st.builds(block6, st.integers(0, 3), st.integers(0, 128)),
    NAMES.map(lambda name: b"=" + name),
    st.sampled_from([b"=.example", b"=.h.example", b"=", b""]),
    st.builds(lambda info, ip: info + b"@" + ip, INFOS, V4),
    st.builds(lambda info, name: info + b"@=" + name, INFOS, NAMES),
)


@given(st.lists(ADDRESSES, max_size=12), st.one_of(V4, V6), st.none() | NAMES.filter(bool), st.none() | INFOS)
def test_the_daemon_and_a_program_of_one_connection_decide_alike_and_know_what_they_need(
    addresses: list[bytes], ip: bytes, host: bytes | None, info: bytes | None
) -> None:
    text = b"".join(b'%s:allow,W="%d"\n' % (address, number) for number, address in enumerate(addresses))
    rules = peers.parse(text)
    decision = peers.lookup(rules, ip, host, info)
    records = dict(reversed(compiled(text)))
    found = peers.decide(records.get, ip, host, info)
    assert decision.variables == ({} if found is None else dict(decode(found[1])[1]))
    # what is not wanted makes no difference
    if not peers.wants_info(rules, ip):
        assert peers.lookup(rules, ip, host, None) == decision
        info = None
    if not peers.wants_host(rules, ip, info):
        assert peers.lookup(rules, ip, None, info) == peers.lookup(rules, ip, host, info)


@pytest.mark.parametrize(
    ("text", "wants"),
    [(b"=.example:deny\n:allow\n", True), (b"=.example:deny\n192.0.2.:allow\n", False),
     (b"=:allow\n192.0.2.0/24:deny\n", False), (b"=h.example:deny\n192.0.2.:allow\n", True),
     (b"=h.example:deny\n192.0.2.1:allow\n", False), (b":allow\n", False)],
)  # fmt: skip
def test_a_name_is_looked_up_only_if_it_can_matter(text: bytes, wants: bool) -> None:
    assert peers.wants_host(peers.parse(text), b"192.0.2.1", None) is wants


def test_ident_is_asked_only_about_addresses_that_a_rule_names() -> None:
    rules = peers.parse(b"joe@192.0.2.1:allow\na@b@192.0.2.2:allow\n")
    assert [peers.wants_info(rules, b"192.0.2.%d" % n) for n in (1, 2, 3)] == [True, True, False]
    rules = peers.parse(b"joe@=h.example:deny\n192.0.2.1:allow\n")
    assert peers.wants_info(rules, b"192.0.2.9")
    assert peers.wants_host(rules, b"192.0.2.1", b"joe") and not peers.wants_host(rules, b"192.0.2.1", None)


def test_odd_ranges_are_what_tcprules_makes_of_them() -> None:
    assert expand(b"10.0.0.250-999") == [b"10.0.0.%d" % n for n in range(250, 256)]
    assert expand(b"1.-2") == [b"1.0", b"1.1", b"1.2"]
    assert expand(b"-1.x") == [b"0.x", b"1.x"]
    assert expand(b"1.007-8") == [b"1.7", b"1.8"]
    assert expand(b"1.2-") == []
    assert expand(b"1.%d-1" % 2**64) == [b"1.0", b"1.1"]
    with pytest.raises(ValueError):
        expand(b"1.2-3-4")

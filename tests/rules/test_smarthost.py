"""rules/smarthost: smtproutes and qmtproutes. (qmail-remote(8))"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.smarthost import Hop, look_up, next_hop, objection


def route(host: bytes, relay: bytes) -> tuple[bytes, int]:
    hop = next_hop(host, {b"": relay}, {})
    assert hop.is_route and hop.protocol == "smtp"
    return hop.host, hop.port


def test_without_routes_mail_goes_by_the_domain_itself() -> None:
    assert next_hop(b"Far.Example", {}, {}) == Hop("smtp", b"Far.Example", 25, False)


def test_keys_are_tried_from_the_host_over_its_suffixes_to_the_empty_one() -> None:
    table = {b"a.b.c": b"1", b".b.c": b"2", b".c": b"3", b"": b"4"}
    for host, relay in ((b"A.b.C", b"1"), (b"x.b.c", b"2"), (b"b.c", b"3"), (b"c", b"4"), (b"", b"4")):
        assert next_hop(host, table, {}).host == relay
    assert look_up(b"c", {b".c": b"no"}) is None
    assert look_up(b".c", {b".c": b"yes"}) == b"yes"
    assert look_up(b"c.", {b".": b"yes"}) == b"yes"


def test_an_empty_relay_means_the_domains_own_mx_and_ends_the_search() -> None:
    table = {b"b.c": b"", b".c": b"relay", b"": b"relay"}
    assert next_hop(b"b.c", table, {}) == Hop("smtp", b"b.c", 25, False)


@pytest.mark.parametrize(
    ("relay", "host", "port"),
    [
        (b"relay.example", b"relay.example", 25),
        (b"relay.example:26", b"relay.example", 26),
        (b"192.0.2.1:587", b"192.0.2.1", 587),
        (b"[192.0.2.1]", b"[192.0.2.1]", 25),
        (b"[192.0.2.1]:587", b"[192.0.2.1]", 587),
        (b"[IPv6:2001:db8::1]", b"[IPv6:2001:db8::1]", 25),
        (b"[ipv6:2001:db8::1]:587", b"[ipv6:2001:db8::1]", 587),
        (b"[2001:db8::1]", b"[IPv6:2001:db8::1]", 25),
        (b"[::1]:587", b"[IPv6:::1]", 587),
    ],
)
def test_a_relay_is_a_name_or_an_address_perhaps_with_a_port(relay: bytes, host: bytes, port: int) -> None:
    assert route(b"far.example", relay) == (host, port)
    assert objection(relay) == ""


@pytest.mark.parametrize("port", [b"", b"smtp", b"0", b"65536", b"99999999999999999999999999", b"-1", b" 25"])
def test_a_port_that_is_none_reaches_nobody(port: bytes) -> None:
    assert route(b"far.example", b"relay:" + port) == (b"relay", 0)
    assert objection(b"relay:" + port) == "the port after the colon must be a number from 1 to 65535"


def test_a_port_is_the_digits_it_begins_with_but_not_without_a_word() -> None:
    assert route(b"far.example", b"relay:26x") == (b"relay", 26)
    assert objection(b"relay:26x") == "the port after the colon must be a number from 1 to 65535"


def test_an_empty_host_before_a_port_is_still_a_route() -> None:
    assert route(b"far.example", b":26") == (b"", 26)
    assert objection(b":26") == "the relay must be a host name or an IP address"


@pytest.mark.parametrize("relay", [b"2001:db8::1", b"::1"])
def test_an_ipv6_address_without_brackets_is_objected_to(relay: bytes) -> None:
    assert objection(relay) == "an IPv6 address stands in brackets"


@pytest.mark.parametrize("relay", [b" relay", b"re lay", b"joe@relay", b"r\xe9lay", b"[192.0.2.1", b"192.0.2.1]:25"])
def test_what_cannot_be_a_host_is_objected_to(relay: bytes) -> None:
    assert objection(relay) != ""


def test_qmtproutes_come_first_with_port_209_and_an_empty_one_leaves_it_to_smtproutes() -> None:
    smtp = {b"": b"smarthost"}
    qmtp = {b"a.example": b"near", b"b.example": b"near:210", b"c.example": b""}
    assert next_hop(b"a.example", smtp, qmtp) == Hop("qmtp", b"near", 209, True)
    assert next_hop(b"b.example", smtp, qmtp) == Hop("qmtp", b"near", 210, True)
    assert next_hop(b"c.example", smtp, qmtp) == Hop("smtp", b"smarthost", 25, True)
    assert next_hop(b"d.example", smtp, qmtp) == Hop("smtp", b"smarthost", 25, True)


LABELS = st.lists(st.sampled_from([b"a", b"B", b"c1", b""]), min_size=1, max_size=4)


@given(LABELS, st.dictionaries(LABELS.map(b".".join).map(bytes.lower), st.binary(max_size=3), max_size=6))
def test_the_first_key_that_exists_decides(labels: list[bytes], table: dict[bytes, bytes]) -> None:
    """As constmap in qmail-remote.c: the host, then at each dot, then the end."""
    host = b".".join(labels)
    places = [at for at in range(len(host) + 1) if at in (0, len(host)) or host[at : at + 1] == b"."]
    keys = [host[at:].lower() for at in places]
    assert look_up(host, table) == next((table[key] for key in keys if key in table), None)


@given(st.binary(max_size=12))
def test_any_relay_gives_some_hop(relay: bytes) -> None:
    hop = next_hop(b"far.example", {b"": relay}, {})
    assert 0 <= hop.port <= 65535
    assert hop.is_route == bool(relay)


def test_a_qmtp_route_marked_tls_is_qmtps_with_its_own_port() -> None:
    qmtp = {b"a.example": b"near/tls", b"b.example": b"near:7000/tls", b"c.example": b"[2001:db8::1]/tls"}
    assert next_hop(b"a.example", {}, qmtp) == Hop("qmtps", b"near", 6209, True)
    assert next_hop(b"b.example", {}, qmtp) == Hop("qmtps", b"near", 7000, True)
    assert next_hop(b"c.example", {}, qmtp) == Hop("qmtps", b"[IPv6:2001:db8::1]", 6209, True)


def test_the_mark_means_something_in_qmtproutes_alone() -> None:
    assert next_hop(b"a.example", {b"": b"near/tls"}, {}).protocol == "smtp"
    assert objection(b"near:25/tls") and not objection(b"near:25/tls", may_be_tls=True)
    assert objection(b"/tls", may_be_tls=True) and objection(b"near:x/tls", may_be_tls=True)

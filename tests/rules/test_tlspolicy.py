"""rules/tlspolicy.py: what TLS a domain's mail needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed, Temporary
from qmtwist.rules.mx import Target
from qmtwist.rules.smarthost import Hop
from qmtwist.rules.tlspolicy import (
    DEFAULT,
    Level,
    Policy,
    certificate_names,
    of_hop,
    parse_policy,
    policy_for,
    usable,
)

BY_MX = Hop("smtp", b"far.example", 25, False)
VERIFY = Policy(Level.VERIFY)


def test_without_an_entry_tls_is_used_where_it_works() -> None:
    assert policy_for(b"far.example", {}) == policy_for(b"far.example", {b"other.example": b"none"}) == DEFAULT
    assert Policy(Level.MAY, ()) == DEFAULT


@pytest.mark.parametrize(
    ("domain", "level"),
    [
        (b"far.example", Level.VERIFY),
        (b"FAR.example.", Level.VERIFY),
        (b"mx.far.example", Level.ENCRYPT),
        (b"a.b.far.example", Level.ENCRYPT),
        (b"farther.example", Level.MAY),
        (b"elsewhere.test", Level.NONE),
        (b"[192.0.2.1]", Level.NONE),
    ],
)
def test_the_nearest_entry_counts(domain: bytes, level: Level) -> None:
    table = {b"far.example": b"verify", b".far.example": b"encrypt", b".example": b"may", b"": b"none"}
    assert policy_for(domain, table).level is level


@pytest.mark.parametrize(
    ("value", "level"), [(b"none", Level.NONE), (b" Encrypt ", Level.ENCRYPT), (b"MAY", Level.MAY)]
)
def test_levels_are_words_in_any_case(value: bytes, level: Level) -> None:
    assert parse_policy(value) == Policy(level)


def test_verify_may_name_what_a_certificate_may_bear() -> None:
    value = b"verify:MX.provider.example. : .provider.example:[192.0.2.1]"
    assert parse_policy(value).names == (b"mx.provider.example", b".provider.example", b"[192.0.2.1]")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "'' is no TLS policy; write none, may, encrypt, verify or pin"),
        (b"must", "'must' is no TLS policy; write none, may, encrypt, verify or pin"),
        (b"verify mx.example", "'verify mx.example' is no TLS policy; write none, may, encrypt, verify or pin"),
        (b"encrypt:mx.example", "names after encrypt are of no use; only verify looks at them"),
        (b"verify:", "'' is no host name; write verify:mx.example.org or verify:.example.org"),
        (b"verify:a..b", "'a..b' is no host name; write verify:mx.example.org or verify:.example.org"),
        (b"verify:*.a", "'*.a' is no host name; write verify:mx.example.org or verify:.example.org"),
        (b"pin", "pin needs the pin of a key; on the other host `qmtwist tlskey` prints it"),
        (b"pin:abc", "'abc' is no pin, which has 64 hexadecimal digits"),
        (b"verify:.", "'.' is no host name; write verify:mx.example.org or verify:.example.org"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(value: bytes, text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_policy(value)
    assert refused.value.text == text


def test_an_entry_that_makes_no_sense_is_not_taken_for_none() -> None:
    with pytest.raises(Malformed):
        policy_for(b"far.example", {b"far.example": b"verfy", b"": b"may"})


@given(st.binary(max_size=80))
def test_any_value_is_a_policy_or_refused(value: bytes) -> None:
    try:
        policy = parse_policy(value)
    except Malformed as refused:
        assert refused.text.isprintable()
    else:
        assert policy.level is Level.VERIFY or not policy.names


@pytest.mark.parametrize(("level", "is_demanded"), [("none", 0), ("may", 0), ("encrypt", 1), ("verify", 1)])
def test_mail_waits_for_tls_only_where_it_is_demanded(level: str, is_demanded: int) -> None:
    assert parse_policy(level.encode()).is_demanded == bool(is_demanded)


SMTP, QMTP = (Target("192.0.2.1", port, protocol, b"mx", 0) for port, protocol in ((25, "smtp"), (209, "qmtp")))


def test_qmtp_which_knows_no_tls_is_no_way_round_a_demand() -> None:
    assert usable(VERIFY, [QMTP, SMTP]) == usable(Policy(Level.ENCRYPT), [QMTP, SMTP]) == (SMTP,)
    assert usable(DEFAULT, [QMTP, SMTP]) == (QMTP, SMTP)
    assert usable(VERIFY, []) == ()
    with pytest.raises(Temporary):
        usable(VERIFY, [QMTP])


def test_the_name_of_an_mx_elsewhere_proves_nothing() -> None:
    assert certificate_names(VERIFY, b"far.example", BY_MX, b"mx.thief.example") == (b"far.example",)


@pytest.mark.parametrize("target", [b"mx.notfar.example", b"notfar.example", b"far.example.thief.example", b"example"])
def test_a_name_that_only_looks_like_one_below_the_domain_proves_nothing(target: bytes) -> None:
    assert certificate_names(VERIFY, b"far.example", BY_MX, target) == (b"far.example",)


def test_an_mx_below_the_domain_may_have_a_certificate_of_its_own() -> None:
    assert certificate_names(VERIFY, b"Far.Example", BY_MX, b"MX.far.example.") == (b"far.example", b"mx.far.example")


def test_a_relay_that_the_postmaster_chose_may_show_its_own_name() -> None:
    hop = Hop("smtp", b"Relay.provider.example", 587, True)
    assert certificate_names(VERIFY, b"far.example", hop, b"relay.provider.example") == (
        b"far.example",
        b"relay.provider.example",
    )


def test_a_relay_by_address_may_show_that_address() -> None:
    hop = Hop("smtp", b"[192.0.2.1]", 25, True)
    assert certificate_names(VERIFY, b"far.example", hop, b"[192.0.2.1]") == (b"far.example", b"[192.0.2.1]")


def test_the_policy_may_name_a_providers_host() -> None:
    policy = parse_policy(b"verify:mx.provider.example")
    assert certificate_names(policy, b"far.example", BY_MX, b"in7.provider.example") == (
        b"far.example",
        b"mx.provider.example",
    )


def test_the_policy_may_name_a_provider_whose_every_host_will_do() -> None:
    policy = parse_policy(b"verify:.provider.example")
    assert certificate_names(policy, b"far.example", BY_MX, b"in7.provider.example") == (
        b"far.example",
        b"in7.provider.example",
    )
    assert certificate_names(policy, b"far.example", BY_MX, b"in7.thief.example") == (b"far.example",)


def test_an_address_literal_below_nothing() -> None:
    policy = parse_policy(b"verify:.2.1")
    assert certificate_names(policy, b"far.example", BY_MX, b"192.0.2.1") == (b"far.example",)


PIN = b"0123456789abcdef" * 4


def test_pins_are_hexadecimal_in_any_case() -> None:
    assert parse_policy(b"pin:" + PIN.upper() + b":" + PIN) == Policy(Level.PIN, pins=(PIN, PIN))
    assert Policy(Level.PIN, pins=(PIN,)).is_demanded


@pytest.mark.parametrize("policy", [Policy(Level.NONE), DEFAULT])
def test_a_route_marked_tls_is_verified_unless_something_else_is_demanded(policy: Policy) -> None:
    hop = Hop("qmtps", b"hub.example", 6209, True)
    assert of_hop(policy, hop) == VERIFY
    assert of_hop(policy, BY_MX) == policy
    for demanded in (Policy(Level.ENCRYPT), Policy(Level.VERIFY, (b"x",)), Policy(Level.PIN, pins=(PIN,))):
        assert of_hop(demanded, hop) == demanded


def test_qmtps_is_as_good_as_any_tls() -> None:
    target = Target("192.0.2.1", 6209, "qmtps", b"hub.example", 0)
    assert usable(VERIFY, [target]) == (target,)

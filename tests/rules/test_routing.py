"""Where a recipient goes: every row of the rewriting rules, in their exact order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.address import split
from qmtwist.rules.routing import Route, Routes, domain_keys, route, with_host, without_prefix

HERE = b"here.example"
VIRTUAL = {
    b"v.example": b"joe",
    b".v.example": b"sub",
    b"exception.v.example": b"",
    b"sales@v.example": b"ann-s",
    b"quiet@w.example": b"",
    b"w.example": b"will",
    b".deep.example": b"deep",
}


def routes(virtual: dict[bytes, bytes] | None = None, hack: tuple[bytes, ...] = ()) -> Routes:
    return Routes({HERE, b"other.example"}, VIRTUAL if virtual is None else virtual, set(hack), b"default.example")


@pytest.mark.parametrize(
    ("recipient", "channel", "rewritten"),
    [
        # envnoathost, then the ordinary lists
        (b"joe", "remote", b"joe@default.example"),
        (b"", "remote", b"@default.example"),
        (b"joe@here.example", "local", b"joe@here.example"),
        (b"Joe@HERE.Example", "local", b"Joe@HERE.Example"),
        (b"@here.example", "local", b"@here.example"),
        (b"joe@", "remote", b"joe@"),
        (b"joe@here.example.", "remote", b"joe@here.example."),
        # only the last @ counts
        (b"a@b@here.example", "local", b"a@b@here.example"),
        (b"a@here.example@b", "remote", b"a@here.example@b"),
        (b"a@v.example@b", "remote", b"a@v.example@b"),
        # virtualdomains: whole address, domain, suffixes at dots
        (b"x@v.example", "local", b"joe-x@v.example"),
        (b"X@V.Example", "local", b"joe-X@V.Example"),
        (b"sales@v.example", "local", b"ann-s-sales@v.example"),
        (b"SALES@V.example", "local", b"ann-s-SALES@V.example"),
        (b"x@a.v.example", "local", b"sub-x@a.v.example"),
        (b"x@b.a.v.example", "local", b"sub-x@b.a.v.example"),
        (b"x@.v.example", "local", b"sub-x@.v.example"),
        (b"x@deep.example", "remote", b"x@deep.example"),
        (b"x@a.deep.example", "local", b"deep-x@a.deep.example"),
        # dots of the local part are not tried
        (b"me.v.example@remote.example", "remote", b"me.v.example@remote.example"),
        # an empty value is an exception: remote, whatever follows
        (b"x@exception.v.example", "remote", b"x@exception.v.example"),
        (b"quiet@w.example", "remote", b"quiet@w.example"),
        (b"loud@w.example", "local", b"will-loud@w.example"),
        (b"x@nowhere.example", "remote", b"x@nowhere.example"),
    ],
)
def test_a_recipient_goes_where_the_control_files_say(recipient: bytes, channel: str, rewritten: bytes) -> None:
    assert route(recipient, routes()) == Route(channel, rewritten)


def test_locals_beats_virtualdomains_even_for_a_whole_address() -> None:
    virtual = {HERE: b"v", b"joe@" + HERE: b"w", b"": b"all"}
    assert route(b"joe@here.example", routes(virtual)) == Route("local", b"joe@here.example")


def test_the_catch_all_takes_what_nothing_else_takes() -> None:
    virtual = {b"": b"all", b".x.example": b""}
    assert route(b"q@anything.example", routes(virtual)) == Route("local", b"all-q@anything.example")
    assert route(b"q@a.x.example", routes(virtual)) == Route("remote", b"q@a.x.example")
    assert route(b"q@", routes(virtual)) == Route("local", b"all-q@")


def test_a_host_less_recipient_is_routed_by_envnoathost() -> None:
    assert route(b"x", routes({b"default.example": b"d"})) == Route("local", b"d-x@default.example")


@pytest.mark.parametrize(
    ("recipient", "rewritten"),
    [
        (b"joe%far.example@hack.example", (b"joe", b"far.example")),
        (b"joe%far.example@HACK.example", (b"joe", b"far.example")),
        (b"a%b%far.example@hack.example", (b"a%b", b"far.example")),
        (b"a%far.example%hack.example@hack.example", (b"a", b"far.example")),
        (b"joe@hack.example", (b"joe", b"hack.example")),
        (b"joe%far.example@other.example", (b"joe%far.example", b"other.example")),
        (b"%@hack.example", (b"", b"")),
        (b"a%@hack.example", (b"a", b"")),
    ],
)
def test_percenthack_turns_the_last_percent_sign_while_the_domain_is_listed(
    recipient: bytes, rewritten: tuple[bytes, bytes]
) -> None:
    assert with_host(recipient, routes(hack=(b"hack.example",))) == rewritten


def test_a_percenthack_of_the_default_host_is_obeyed_too() -> None:
    assert with_host(b"joe%far.example", routes(hack=(b"default.example",))) == (b"joe", b"far.example")


def test_what_percenthack_makes_is_looked_up_like_any_other_address() -> None:
    assert route(b"joe%v.example@hack.example", routes(hack=(b"hack.example",))).recipient == b"joe-joe@v.example"


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        (b"joe-x@v.example", b"x@v.example"),
        (b"joe-x@V.EXAMPLE", b"x@V.EXAMPLE"),
        (b"sub-x@a.v.example", b"x@a.v.example"),
        (b"ann-s-sales@v.example", b"sales@v.example"),
        (b"ann-s-Sales@V.example", b"Sales@V.example"),
        (b"joe@here.example", b"joe@here.example"),
        (b"sub-x@remote.example", b"sub-x@remote.example"),
        (b"other-x@v.example", b"other-x@v.example"),
        (b"x@exception.v.example", b"x@exception.v.example"),
        (b"nohost", b"nohost"),
    ],
)
def test_a_bounce_shows_the_address_without_the_prefix_of_its_virtual_domain(recipient: bytes, shown: bytes) -> None:
    assert without_prefix(recipient, routes()) == shown


def test_the_prefix_of_the_catch_all_is_taken_off() -> None:
    assert without_prefix(b"all-q@any.example", routes({b"": b"all"})) == b"q@any.example"


anything = st.binary(max_size=30).map(lambda text: text.replace(b"\0", b""))
alphabet = st.text(alphabet="aAb%@.-", max_size=14).map(lambda text: text.encode())
names = st.text(alphabet="ab.", max_size=6).map(lambda text: text.encode())
tables = st.builds(
    Routes,
    st.sets(names, max_size=2),
    st.dictionaries(st.one_of(names, alphabet.map(bytes.lower)), st.sampled_from([b"", b"p", b"q-r"]), max_size=4),
    st.sets(names, max_size=2),
    names,
)


@given(st.one_of(anything, alphabet), tables)
def test_every_recipient_goes_to_one_channel_with_a_host(recipient: bytes, table: Routes) -> None:
    channel, rewritten = route(recipient, table)
    assert channel in ("local", "remote")
    _, domain = split(rewritten)
    assert domain is not None
    if channel == "remote":
        assert domain.lower() not in table.locals


@given(alphabet, tables)
def test_the_address_without_its_prefix_is_what_was_routed(recipient: bytes, table: Routes) -> None:
    """Unless an entry for a whole address happens to look like another one's prefix."""
    local, domain = with_host(recipient, table)
    channel, rewritten = route(recipient, table)
    plain = local + b"@" + domain
    if channel == "local" and rewritten != plain:
        shown = without_prefix(rewritten, table)
        assert shown == plain or any(b"@" in key for key in table.virtualdomains)


@given(names)
def test_domain_keys_are_the_domain_its_suffixes_and_the_catch_all(domain: bytes) -> None:
    keys = list(domain_keys(domain))
    assert keys[0] == domain
    assert keys[-1] == b""
    assert len(keys) == len(set(keys))
    assert all(domain.endswith(key) and key[:1] == b"." for key in keys[1:-1])

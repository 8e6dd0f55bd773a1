"""Where mail goes, in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.routing import Routes, route
from qmtwist.rules.smarthost import next_hop
from qmtwist.rules.tracewords import hop_words, routed

ROUTES = Routes(
    {b"here.example"},
    {b"v.example": b"joe", b"one@w.example": b"ann", b".sub.example": b"tom", b"x.sub.example": b"", b"": b"all"},
    {b"here.example"},
    b"here.example",
)


def why(address: bytes, routes: Routes = ROUTES) -> bytes:
    return routed(address, routes).lines[-1]


def test_the_key_that_decides_is_named() -> None:
    assert why(b"a@here.example") == b"control/locals has here.example: it stays here"
    assert why(b"a@V.example") == b"control/virtualdomains has v.example: it stays here, as mail for joe-a"
    assert why(b"One@W.example") == b"control/virtualdomains has one@w.example: it stays here, as mail for ann-One"
    assert why(b"a@b.sub.example").startswith(b"control/virtualdomains has .sub.example: ")
    assert why(b"a@far.example").startswith(b"control/virtualdomains has everybody else's domain: ")
    exception = b"control/virtualdomains makes an exception of x.sub.example: it goes to another host"
    assert why(b"a@x.sub.example") == exception


def test_without_any_key_it_goes_to_another_host() -> None:
    routes = ROUTES._replace(virtualdomains={})
    assert why(b"a@far.example", routes).endswith(b" has far.example: it goes to another host")


def test_what_percenthack_and_envnoathost_do_is_told() -> None:
    lines = (b"control/envnoathost and control/percenthack make it a@v.example", why(b"a@v.example"))
    assert routed(b"a%v.example@here.example", ROUTES).lines == lines
    assert routed(b"a", ROUTES).lines[0].endswith(b" make it a@here.example")


@given(st.sampled_from([b"", b"a@", b"a%b@"]), st.sampled_from([b"here.example", b"V.example", b"y.sub.example", b""]))
def test_the_words_are_about_the_route_that_mail_takes(local: bytes, domain: bytes) -> None:
    found = routed(local + domain, ROUTES)
    assert (found.channel, found.recipient) == route(local + domain, ROUTES)
    assert found.lines[-1].startswith(b"control/") and (b"another host" in found.lines[-1]) == (
        found.channel == "remote"
    )


def test_the_file_with_the_route_is_named() -> None:
    assert hop_words(next_hop(b"a.example", {b"": b"relay.example:26"}, {})) == (
        b"control/smtproutes: relay.example port 26 gets it, by SMTP"
    )
    assert hop_words(next_hop(b"a.example", {}, {b"a.example": b"hub.example/tls"})) == (
        b"control/qmtproutes: hub.example port 6209 gets it, by QMTPS"
    )
    assert hop_words(next_hop(b"a.example", {}, {})) == (
        b"no route: the exchangers of a.example in the DNS get it, by SMTP"
    )

"""rules/spf/check.py and terms.py: what a domain says about a client. (RFC 7208)"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.spf.check import Client, check
from qmtwist.rules.spf.terms import parse
from tests.support.policies import Dns, Names, record, result

CLIENT = Client(b"192.0.2.1", b"joe@a.example", b"mx.a.example", b"us.example", 1000)

# RFC 7208 Appendix A: a domain, its hosts, and records that it might have.
APPENDIX: Names = {
    "example.com": {
        "A": ("192.0.2.10", "192.0.2.11"),
        "MX": ((10, b"mail-a.example.com"), (20, b"mail-b.example.com")),
    },
    "mail-a.example.com": {"A": ("192.0.2.129",)},
    "mail-b.example.com": {"A": ("192.0.2.130",)},
    "10.2.0.192.in-addr.arpa": {"PTR": (b"example.com",)},
    "65.2.0.192.in-addr.arpa": {"PTR": (b"amy.example.com",)},
    "amy.example.com": {"A": ("192.0.2.65",)},
    "140.2.0.192.in-addr.arpa": {"PTR": (b"mail-c.example.org",)},
    "mail-c.example.org": {"A": ("192.0.2.140",)},
    "example.org": {"MX": ((10, b"mail-c.example.org"),)},
    "mary.mobile-users._spf.example.com": {"A": ("127.0.0.2",)},
    "4.0.2.10.in-addr.arpa": {"PTR": (b"example.com",)},
}


@pytest.mark.parametrize(
    ("text", "passing", "failing"),
    [
        ("v=spf1 +all", ["192.0.2.129", "2001:db8::1"], []),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.129", "2001:db8::1"]),
        ("v=spf1 a:example.org -all", [], ["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.140"], ["192.0.2.10"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.128", "192.0.2.131", "192.0.2.143"], ["192.0.2.132"]),
        ("v=spf1 ptr -all", ["192.0.2.65", "192.0.2.10"], ["192.0.2.140", "10.2.0.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129"], ["192.0.2.65", "2001:db8::1"]),
        ("v=spf1 ip6:2001:db8::/32 -all", ["2001:db8::1"], ["192.0.2.65", "2001:db9::1"]),
        ("v=spf1 exists:%{l}.mobile-users._spf.%{d} -all", ["192.0.2.1"], []),
    ],
)
def test_the_examples_of_the_standard(text: str, passing: list[str], failing: list[str]) -> None:
    """RFC 7208 Appendix A.1, A.3."""
    names = {**APPENDIX, "example.com": {**APPENDIX["example.com"], **record(text)}}
    for code, clients in (("pass", passing), ("fail", failing)):
        for ip in clients:
            assert Dns(names).check(Client(ip.encode(), b"mary@example.com", b"x.example.com")).code == code, ip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("v=spf1", "neutral"),
        ("v=spf1 -all", "fail"),
        ("V=SPF1 ~ALL", "softfail"),
        ("v=spf1 ?all", "neutral"),
        ("v=spf1   ip4:192.0.2.1   -all ", "pass"),
        ("v=spf1 -ip4:192.0.2.0/24 +all", "fail"),
        ("v=spf1 something=%{d}%{l1r-} -all", "fail"),
        ("v=spf10 -all", "none"),
        ("v=spf1\t-all", "none"),
        ("v=spf1 ip4:192.0.2.1/33 +all", "permerror"),
        ("v=spf1 ip4:192.0.2.1/01 +all", "permerror"),
        ("v=spf1 ip4:192.0.2 +all", "permerror"),
        ("v=spf1 ip6:192.0.2.1 +all", "permerror"),
        ("v=spf1 ip6:2001:db8::1/129 +all", "permerror"),
        ("v=spf1 all:x.example", "permerror"),
        ("v=spf1 a/24/64 +all", "permerror"),
        ("v=spf1 a:192.0.2.1 +all", "permerror"),
        ("v=spf1 a: +all", "permerror"),
        ("v=spf1 include +all", "permerror"),
        ("v=spf1 exists:b.example/24 +all", "permerror"),
        ("v=spf1 a:%{x}.example +all", "permerror"),
        ("v=spf1 a:%{c}.example +all", "permerror"),
        ("v=spf1 exists:%(ir).b.example +all", "permerror"),
        ("v=spf1 redirect=b.example redirect=b.example", "permerror"),
        ("v=spf1 ipv4:192.0.2.1 +all", "permerror"),
        ("v=spf1 -all \xe9", "permerror"),
        ("v=spf1 +all junk", "permerror"),
        ("v=spf1 " + "ip4:192.0.2.1 " * 1000, "permerror"),
    ],
)
def test_a_record_counts_as_a_whole(text: str, code: str) -> None:
    """RFC 7208 §4.6: an error anywhere in it, even behind what matches, is an error of all of it."""
    assert result(text).code == code


def test_who_has_no_record_or_several() -> None:
    assert Dns({"a.example": {"A": ("192.0.2.1",)}}).check(CLIENT).code == "none"
    assert Dns({}).check(CLIENT).code == "none"
    two = Dns({"a.example": {"TXT": (b"v=spf1 -all", b"v=spf1 +all")}}).check(CLIENT)
    assert (two.code, two.problem) == ("permerror", "it has several SPF records")
    assert Dns({"a.example": {"TXT": None}}).check(CLIENT).code == "temperror"


@pytest.mark.parametrize(
    "sender", ["joe@a", "joe@[192.0.2.1]", "joe@a..example", "joe@" + "a" * 64 + ".example", "joe"]
)
def test_what_is_no_domain_is_not_asked_about(sender: str) -> None:
    """RFC 7208 §4.3."""
    dns = Dns({})
    assert dns.check(CLIENT._replace(sender=sender.encode())).code == "none" and not dns.asked


def test_a_bounce_is_judged_by_the_name_of_its_host() -> None:
    dns = Dns({"mx.a.example": record("v=spf1 exists:%{s}.%{h} -all")})
    assert dns.check(CLIENT._replace(sender=b"")).code == "fail"
    assert dns.asked[1][0] == "postmaster@mx.a.example.mx.a.example"
    assert dns.check(CLIENT._replace(sender=b"", helo=b"[192.0.2.1]")).code == "none"


def test_a_client_without_an_ip_address_is_unknown() -> None:
    assert Dns({"a.example": record("v=spf1 -all")}).check(CLIENT._replace(ip=b"unknown")).code == "none"


def test_an_ipv4_address_in_ipv6_is_ipv4() -> None:
    assert result("v=spf1 ip4:192.0.2.1 -all", "::ffff:192.0.2.1").code == "pass"
    assert result("v=spf1 ip6:fe80::/10 -all", "fe80::1%eth0").code == "pass"


@pytest.mark.parametrize(
    ("inner", "code"),
    [("+all", "pass"), ("-all", "softfail"), ("~all", "softfail"), ("?all", "softfail"), ("junk", "permerror")],
)
def test_include_is_a_question_not_a_text(inner: str, code: str) -> None:
    """RFC 7208 §5.2: only its pass counts."""
    assert result("v=spf1 include:b.example ~all", b=record(f"v=spf1 {inner}")).code == code


def test_include_and_redirect_need_a_record() -> None:
    assert result("v=spf1 include:b.example +all").code == "permerror"
    assert result("v=spf1 redirect=b.example").code == "permerror"
    assert result("v=spf1 include:b.example +all", b={"TXT": None}).code == "temperror"


def test_redirect_counts_when_nothing_else_does() -> None:
    other = record("v=spf1 ip4:192.0.2.1 -all")
    assert result("v=spf1 redirect=b.example", b=other).code == "pass"
    assert result("v=spf1 redirect=b.example", "192.0.2.2", b=other).code == "fail"
    assert result("v=spf1 redirect=b.example ?all", "192.0.2.2", b=other).code == "neutral"
    assert result("v=spf1 ~ip4:192.0.2.2 redirect=b.example", "192.0.2.2", b=other).code == "softfail"


# -- limits


def test_ten_terms_may_ask_and_no_more() -> None:
    """RFC 7208 §4.6.4."""
    a = {"A": ("192.0.2.9",)}
    assert result("v=spf1" + " a:b.example" * 10 + " -all", b=a).code == "fail"
    assert result("v=spf1" + " a:b.example" * 11 + " -all", b=a).code == "permerror"
    assert result("v=spf1" + " ip4:192.0.2.9" * 50 + " -all", b=a).code == "fail"
    inner = record("v=spf1" + " a:c.example" * 9 + " -all")
    assert result("v=spf1 include:b.example -all", b=inner, c=a).code == "fail"
    assert result("v=spf1 include:b.example a:c.example -all", b=inner, c=a).code == "permerror"


def test_a_record_that_includes_itself_ends() -> None:
    assert result("v=spf1 include:a.example -all").code == "permerror"
    assert result("v=spf1 redirect=a.example").code == "permerror"


def test_two_answers_may_be_empty_and_no_more() -> None:
    assert result("v=spf1 a:x.example a:y.example -all").code == "fail"
    assert result("v=spf1 a:x.example a:y.example mx:z.example -all").code == "permerror"


def test_ten_mx_hosts_may_be_asked_for_and_no_more() -> None:
    hosts: Names = {f"m{n}.example": {"A": (f"192.0.2.{n + 1}",)} for n in range(11)}
    for count, code in ((10, "pass"), (11, "permerror")):
        mx = tuple((n, b"m%d.example" % n) for n in range(count))
        names = {**hosts, "a.example": {**record("v=spf1 mx -all"), "MX": mx}}
        dns = Dns(names)
        assert dns.check(CLIENT).code == code
        assert len(dns.asked) <= 12


def test_a_null_mx_sends_nothing() -> None:
    """RFC 7505."""
    assert result("v=spf1 mx -all", a={"MX": ((0, b""),)}).code == "fail"


def test_trouble_counts_only_until_something_matches() -> None:
    trouble = {"A": None}
    assert result("v=spf1 ip4:192.0.2.1 a:b.example -all", b=trouble).code == "pass"
    said = result("v=spf1 a:b.example -all", b=trouble)
    assert (said.code, said.problem) == ("temperror", "DNS does not answer for b.example")
    names: Names = {
        "a.example": {**record("v=spf1 mx ptr -all"), "MX": ((1, b"m.example"), (2, b"n.example"))},
        "m.example": {"A": ("192.0.2.1",)},
        "n.example": {"A": None},
    }
    assert Dns(names).check(CLIENT).code == "pass"
    assert Dns({**names, "m.example": {"A": ("192.0.2.2",)}}).check(CLIENT).code == "temperror"


def test_trouble_with_the_names_of_a_client_is_no_error() -> None:
    """RFC 7208 §5.5."""
    pointer: Names = {"1.2.0.192.in-addr.arpa": {"PTR": None}, "a.example": record("v=spf1 ptr -all")}
    assert Dns(pointer).check(CLIENT).code == "fail"
    many = tuple(b"h%d.a.example" % n for n in range(40))
    dns = Dns({**pointer, "1.2.0.192.in-addr.arpa": {"PTR": many}})
    assert dns.check(CLIENT).code == "fail" and len(dns.asked) == 12


# -- explanations


def explained(words: str | None, more: str = "") -> bytes:
    names: Names = {"a.example": record("v=spf1 -all exp=why.%{d}" + more)}
    if words is not None:
        names["why.a.example"] = {"TXT": (words.encode("latin-1"),)}
    return Dns(names).check(CLIENT).explanation


def test_a_domain_explains_itself() -> None:
    """RFC 7208 §6.2."""
    assert explained("%{i} is not one of %{d}'s: %{c} %{r} %{t} %%%_%-") == (
        b"192.0.2.1 is not one of a.example's: 192.0.2.1 us.example 1000 % %20"
    )
    assert explained("see http://%{d}/why?s=%{S}") == b"see http://a.example/why?s=joe%40a.example"


@pytest.mark.parametrize("words", [None, "%{q}", "caf\xe9", "%", "two\nlines", "x" * 1025])
def test_an_explanation_that_cannot_be_had_is_none(words: str | None) -> None:
    assert explained(words) == b""
    assert result("v=spf1 -all exp=why.a.example", a={"TXT": (b"v=spf1 -all exp=a.example",)}).code == "fail"


def test_only_the_domain_itself_explains() -> None:
    why = {"TXT": (b"inner",)}
    inner = record("v=spf1 -all exp=why.example")
    assert result("v=spf1 include:b.example -all", b=inner, why=why).explanation == b""
    assert result("v=spf1 redirect=b.example", b=inner, why=why).explanation == b"inner"


# -- mechanisms of our own


def test_a_forwarder_of_ours_passes() -> None:
    dns = Dns({"a.example": record("v=spf1 -all"), "ok.example": record("v=spf1 ip4:192.0.2.1 -all")})
    own = dns.check(CLIENT, b"ip4:192.0.2.77 include:ok.example")
    assert (own.code, own.mechanism) == ("pass", b"local policy")
    assert dns.check(CLIENT._replace(ip=b"192.0.2.2"), b"include:ok.example").code == "fail"
    assert dns.check(CLIENT, b"include:gone.example").code == "fail"
    assert Dns({"a.example": {"TXT": None}}).check(CLIENT, b"ip4:192.0.2.1").code == "temperror"


# -- whatever it says


WORDS = st.sampled_from(
    ("all", "include:", "include:a.example", "a", "mx", "ptr", "exists:", "a:%{d}", "mx:%{p}.b.example", "/24", "//64",
     "ip4:", "ip4:1.2.3.4/8", "ip6:::/0", "redirect=", "redirect=a.example", "exp=a.example", "%{s}", "%{", "%%", "-",
     "%{d128r.-+,/_=}", "~", "?", "v=spf1", ".", "..", "x=y", "\xff")
)  # fmt: skip


@given(st.lists(WORDS).map(" ".join), st.binary(max_size=60), st.binary(max_size=40))
def test_every_record_has_a_result_after_few_questions(text: str, sender: bytes, helo: bytes) -> None:
    dns = Dns({"a.example": {**record("v=spf1 " + text), "MX": ((1, b"a.example"),), "PTR": (b"a.example",)}})
    for client in (CLIENT, CLIENT._replace(sender=sender + b"@a.example", helo=helo, ip=b"2001:db8::1")):
        found = dns.check(client)
        assert found.code in ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
    assert len(dns.asked) < 2 * 10 * 15


@given(st.binary(max_size=200))
def test_any_text_is_a_record_or_malformed(text: bytes) -> None:
    try:
        parse(b"v=spf1 " + text)
    except Malformed as error:
        assert error.text.isprintable()


def test_a_check_that_nobody_drives_asks_nothing() -> None:
    check(CLIENT).close()

"""rules/spf/macros.py: the table of RFC 7208 §7.4, and what it does not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.spf.macros import Values, expand, expand_domain, is_explanation, is_macro_string, letters

VALUES = Values(b"strong-bad@email.example.com", "192.0.2.3", b"mx.example.org", b"us.example", 12)
SIX = VALUES._replace(ip="2001:db8::cb01")
D = b"email.example.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%{h} %{r} %{t} %{c} %{p}", "mx.example.org us.example 12 192.0.2.3 unknown"),
        ("%{S}", "strong-bad%40email.example.com"),
        ("%%%_%-", "% %20"),
    ],
)
def test_the_examples_of_the_standard(text: str, expected: str) -> None:
    assert expand(text.encode(), VALUES, D) == expected.encode()


def test_an_ipv6_address_is_its_nibbles() -> None:
    reverse = b"1.0.b.c" + b".0" * 20 + b".8.b.d.0.1.0.0.2"
    assert expand(b"%{ir}.%{v}._spf.%{d2}", SIX, D) == reverse + b".ip6._spf.example.com"
    assert expand(b"%{c}", SIX, D) == b"2001:db8::cb01"


def test_a_name_that_is_too_long_loses_labels_on_its_left() -> None:
    """RFC 7208 §7.3."""
    long = VALUES._replace(sender=b".".join(b"x%d" % n for n in range(100)) + b"@" + D)
    name = expand_domain(b"%{l}.example.org.", long, D)
    assert len(name) <= 253 and name.endswith(b".x98.x99.example.org") and name[:1] == b"x"


@pytest.mark.parametrize(
    "text", ["%", "%{", "%{d", "%{d}}%", "%{z}", "%{d0}", "%{d129}", "%{dx}", "a b", "a\x7f", "\xe9"]
)
def test_what_is_no_macro_string(text: str) -> None:
    assert not is_macro_string(text.encode("latin-1"))


def test_an_explanation_may_have_blanks() -> None:
    assert is_explanation(b"see %{i}, please") and not is_macro_string(b"see %{i}") and not is_explanation(b"%{i")


@given(st.text(st.sampled_from("%{}dslr1-.+ aA_")), st.binary(max_size=300))
def test_what_is_a_macro_string_leaves_no_macro(text: str, local: bytes) -> None:
    if is_macro_string(text.encode()):
        expanded = expand(text.encode(), VALUES._replace(sender=local + b"@" + D), D)
        if not letters(text.encode()) & {b"l", b"s"} and "%%" not in text and "%-" not in text:
            assert b"%" not in expanded

"""rules/spf/policy.py and field.py: what is refused and what is told."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.errors import Malformed
from qmtwist.rules.spf.check import Client, Result
from qmtwist.rules.spf.field import received_spf
from qmtwist.rules.spf.policy import LEVELS, Refusal, check_words, judge, level

CLIENT = Client(b"192.0.2.1", b"joe@a.example", b"mx.a.example", b"us.example", 1000)
CODES = ["temperror", "fail", "softfail", "neutral", "none", "permerror"]


@pytest.mark.parametrize(("code", "first"), list(zip(CODES, [2, 3, 4, 5, 6, 6], strict=True)))
def test_each_number_refuses_what_it_says(code: str, first: int) -> None:
    for strictness in range(LEVELS + 1):
        refusal = judge(Result(code, problem="it is so"), strictness, CLIENT)
        assert (refusal is not None) is (strictness >= first)
        if refusal is not None:
            assert refusal.code == (451 if code == "temperror" else 550)
            assert refusal.text.endswith(b"(#%s)" % refusal.status)


def test_who_passes_is_never_refused() -> None:
    assert all(judge(Result("pass"), strictness, CLIENT) is None for strictness in range(LEVELS + 1))


def test_the_words_are_the_domains_else_ours() -> None:
    text = b"SPF: a.example explains: go away (#5.7.23)"
    assert judge(Result("fail", explanation=b"go away"), 3, CLIENT, b"see %{i}") == Refusal(550, b"5.7.23", text)
    text = b"SPF: a.example does not let your host send mail for it: see 192.0.2.1 joe%40a.example (#5.7.23)"
    assert judge(Result("fail"), 3, CLIENT, b"see %{i} %{S}") == Refusal(550, b"5.7.23", text)
    refusal = judge(Result("permerror", problem="it has several SPF records"), 6, CLIENT)
    assert refusal == Refusal(550, b"5.7.24", b"SPF: a.example: it has several SPF records (#5.7.24)")
    refusal = judge(Result("temperror", problem="DNS is dead"), 2, CLIENT)
    assert refusal == Refusal(451, b"4.7.24", b"SPF: DNS is dead; please try again later (#4.7.24)")


def test_words_of_ours_are_checked() -> None:
    check_words(b"see https://why.example/?ip=%{i}&s=%{S}")
    for wrong in (b"%{p}", b"%{x}", b"%", b"caf\xc3\xa9"):
        with pytest.raises(Malformed):
            check_words(wrong)


def test_a_rule_may_say_otherwise() -> None:
    assert level(3, {}) == 3 and level(3, {b"SPFBEHAVIOR": b"0"}) == 0 and level(0, {b"SPFBEHAVIOR": b"99"}) == LEVELS
    assert level(3, {b"SPFBEHAVIOR": b""}) == level(3, {b"SPFBEHAVIOR": b"-1"}) == 3
    assert level(6, {b"RELAYCLIENT": b"", b"SPFBEHAVIOR": b"6"}) == 0


# -- the field


def test_the_field_tells_what_was_found() -> None:
    """RFC 7208 §9.1."""
    assert received_spf(Result("pass", b"a.example", b"ip4:192.0.2.1"), CLIENT) == (
        b"Received-SPF: pass (us.example: domain of joe@a.example designates 192.0.2.1 as permitted sender)\n"
        b'  client-ip=192.0.2.1;\n  envelope-from="joe@a.example";\n  helo=mx.a.example;\n  receiver=us.example;\n'
        b'  identity=mailfrom;\n  mechanism="ip4:192.0.2.1";\n'
    )
    bounce = received_spf(Result("temperror", problem="DNS is dead"), CLIENT._replace(sender=b"", ip=b"2001:db8::1"))
    assert b"Received-SPF: temperror (us.example: domain of postmaster@mx.a.example: DNS is dead)\n" in bounce
    assert b'client-ip="2001:db8::1"' in bounce and b"identity=helo" in bounce and b'problem="DNS is dead"' in bounce


@given(st.sampled_from([*CODES, "pass"]), st.binary(max_size=600), st.binary(max_size=600), st.binary(max_size=400))
def test_nobody_can_write_another_field_through_it(code: str, sender: bytes, helo: bytes, mechanism: bytes) -> None:
    field = received_spf(Result(code, b"a.example", mechanism, problem="x"), CLIENT._replace(sender=sender, helo=helo))
    message = message_from_bytes(field + b"\n")
    assert message.keys() == ["Received-SPF"] and not message.get_payload()
    lines = field.splitlines()
    assert all(line[:1] == b" " for line in lines[1:]) and max(map(len, lines)) < 998 and field.isascii()
    assert lines[0].count(b"(") == lines[0].count(b")") == 1

"""wire/smtp/reply.py: two forms of each reply, and texts that were written by others."""

from __future__ import annotations

import re

import pytest

from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.reply import Reply, foreign, reply

ALL = [value for value in vars(replies).values() if isinstance(value, Reply)]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.text.decode()[:30])
def test_every_reply_keeps_the_grammar_and_its_classes_agree(one: Reply) -> None:
    assert re.fullmatch(rb"[245]\d\d [ -~]+\r\n|354 go ahead\r\n", one.plain)
    assert len(one.enhanced) <= 512  # RFC 5321 §4.5.3.1.5
    if one.code != 354:
        status = re.fullmatch(rb"\d{3} (\d)\.\d+\.\d+ .*\r\n", one.enhanced)  # RFC 2034 §4
        assert status is not None and status[1] == one.plain[:1]
        shown = re.search(rb"\(#(\d\.\d+\.\d+)\)", one.text)
        assert shown is None or one.enhanced.split()[1] == shown[1]


def test_the_plain_form_is_qmails() -> None:
    assert replies.NO_RELAY.plain == (b"553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)\r\n")
    assert replies.NO_RELAY.enhanced == (
        b"553 5.7.1 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)\r\n"
    )


def test_a_foreign_text_stays_one_line_of_bounded_length() -> None:
    evil = foreign(451, b"x\r\n250 ok\n" + b"y" * 5000)
    assert evil.plain.count(b"\n") == 1 and len(evil.enhanced) <= 512
    assert evil.plain.startswith(b"451 x  250 ok y")


def test_a_foreign_status_of_another_class_is_not_believed() -> None:
    assert foreign(451, b"no (#5.7.1)").enhanced == b"451 4.3.0 no (#5.7.1)\r\n"
    assert foreign(554, b"no (#5.7.1)").enhanced == b"554 5.7.1 no (#5.7.1)\r\n"
    assert foreign(554, b"no", b"5.2.2").enhanced == b"554 5.2.2 no\r\n"
    assert foreign(451, b"").plain == b"451 \r\n"


def test_a_reply_without_status_is_the_same_in_both_forms() -> None:
    go_ahead = reply(354, b"", b"go ahead")
    assert go_ahead.plain == go_ahead.enhanced

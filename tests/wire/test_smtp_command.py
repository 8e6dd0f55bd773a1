"""wire/smtp/command.py: addresses as qmail-smtpd reads them, parameters as EHLO offered them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.mail.address import quote
from qmtwist.mail.errors import Malformed
from qmtwist.wire.smtp.command import UnknownParameter, parse_mail_parameters, parse_path


@pytest.mark.parametrize(
    ("argument", "address"),
    [
        (b"FROM:<a@b>", b"a@b"),
        (b"FROM:<>", b""),
        (b"", b""),
        (b"a@b", b""),  # no bracket and no colon
        (b"FROM:a@b", b"a@b"),
        (b"FROM:   a@b SIZE=3", b"a@b"),
        (b"FROM:", b""),
        (b"FROM: Some One <a@b>", b"a@b"),
        (b"<a@b>", b"a@b"),
        (b"FROM:<a@b", b"a@b"),
        (b"FROM:<@r:a@b>", b"a@b"),
        (b"FROM:<@r,@s:a@b>", b"a@b"),
        (b"FROM:<@r>", b""),
        (b"FROM:<@r> SIZE=3", b""),
        (b'FROM:<"a b"@c>', b"a b@c"),
        (b'FROM:<"a>b"@c>', b"a>b@c"),
        (b"FROM:<a\\>b@c>", b"a>b@c"),
        (b"FROM:<a\\\\b@c>", b"a\\b@c"),
        (b'FROM:<"a@x> SIZE=1', b"a@x> SIZE=1"),
        (b'FROM:"a b"@c x', b"a b@c"),
        (b"FROM:<a@[127.0.0.1]>", b"a@[127.0.0.1]"),
        (b"FROM:<\xff@b>", b"\xff@b"),
    ],
)
def test_an_address_is_read_as_qmail_reads_it(argument: bytes, address: bytes) -> None:
    assert parse_path(argument).address == address


def test_what_follows_the_address_is_kept_for_the_parameters() -> None:
    assert parse_path(b"FROM:<a@b> SIZE=1 BODY=7BIT").rest == b" SIZE=1 BODY=7BIT"
    assert parse_path(b'FROM:<"a>"@b> SIZE=1').rest == b" SIZE=1"
    assert parse_path(b"FROM:a@b SIZE=1").rest == b"SIZE=1"


def test_an_address_may_have_899_bytes_and_no_more() -> None:
    assert len(parse_path(b"TO:<%s@b>" % (b"a" * 897)).address) == 899
    with pytest.raises(Malformed):
        parse_path(b"TO:<%s@b>" % (b"a" * 898))
    assert len(parse_path(b'TO:<"%s"@b>' % (b"a" * 897)).address) == 899  # quotes are not counted


@pytest.mark.parametrize("byte", [*range(32), 127])
def test_no_address_has_a_control_character(byte: int) -> None:
    for argument in (b"TO:<a%cb@c>" % byte, b'TO:<"a%cb"@c>' % byte):
        with pytest.raises(Malformed):
            parse_path(argument)


@given(st.binary(max_size=300))
def test_no_argument_is_anything_but_an_address_or_malformed(argument: bytes) -> None:
    try:
        path = parse_path(argument)
    except Malformed:
        return
    assert len(path.address) <= 899
    assert path.rest == b"" or argument.endswith(path.rest)


plain = st.binary(min_size=1, max_size=20).filter(lambda text: not any(byte < 32 or byte == 127 for byte in text))


@given(plain, st.sampled_from([b"host", b"a.example.org", b"[192.0.2.1]"]))
def test_a_quoted_address_is_read_back_as_it_was(local: bytes, host: bytes) -> None:
    address = local + b"@" + host
    assert parse_path(b"TO:<%s>" % quote(address)).address == address


def test_size_is_a_number_of_at_most_twenty_digits() -> None:
    assert parse_mail_parameters(b" size=" + b"9" * 20).size == 10**20 - 1
    for bad in (b"SIZE", b"SIZE=", b"SIZE=-1", b"SIZE=1k", b"SIZE=+1", b"SIZE=" + b"9" * 21):
        with pytest.raises(Malformed):
            parse_mail_parameters(bad)


def test_body_is_7bit_or_8bitmime() -> None:
    assert parse_mail_parameters(b" BODY=7bit body=8BITMIME").size == 0
    with pytest.raises(Malformed):
        parse_mail_parameters(b" BODY=BINARYMIME")


@pytest.mark.parametrize("word", [b"FOO=BAR", b"garbage", b"AUTH=<>", b"SMTPUTF8", b"RET=HDRS", b"=", b"SIZE\xff=1"])
def test_what_ehlo_did_not_offer_is_unknown(word: bytes) -> None:
    with pytest.raises(UnknownParameter):
        parse_mail_parameters(b" SIZE=1 " + word)

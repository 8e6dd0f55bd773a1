"""Whose mail has come back, when the address of the bounce does not say it."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists.dsn import failures
from tests.support.bounce_samples import exchange, exim, postfix, qmail, sendmail

ANN, TOM, FAR = b"ann@x.example", b"tom@y.example", b"ann@elsewhere.example"
SEVERAL = {
    "Postfix": postfix((ANN, ANN), (TOM, TOM)),
    "Exim": exim(ANN, TOM),
    "old Exim": exim(ANN, TOM, is_new=False),
    "qmail": qmail(ANN, TOM),
    "Sendmail": sendmail(ANN, TOM),
}
ALONE = {
    "Postfix": postfix((ANN, ANN)),
    "Exim": exim(ANN),
    "old Exim": exim(ANN, is_new=False),
    "Exchange": exchange(ANN),
    "qmail": qmail(ANN),
    "Sendmail": sendmail(ANN),
}


@pytest.mark.parametrize("host", ALONE)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_one_address_is_found(host: str, end: bytes) -> None:
    (failure,) = failures(ALONE[host].replace(b"\n", end))
    assert failure.addresses == (ANN,)
    assert ANN in failure.text


@pytest.mark.parametrize("host", SEVERAL)
def test_nobody_sees_whose_mail_came_back_beside_theirs(host: str) -> None:
    first, second = failures(SEVERAL[host])
    assert (first.addresses, second.addresses) == ((ANN,), (TOM,))
    assert ANN in first.text and TOM not in first.text
    assert TOM in second.text and ANN not in second.text


def test_where_the_message_was_sent_comes_before_where_it_went() -> None:
    (failure,) = failures(postfix((ANN, FAR)))
    assert failure.addresses == (ANN, FAR)


def test_an_address_in_code_is_found_as_it_was_too() -> None:
    (failure,) = failures(postfix((b"ann+2Blists@x.example", FAR)))
    assert failure.addresses == (b"ann+2Blists@x.example", b"ann+lists@x.example", FAR)


def test_who_may_still_get_it_is_not_counted() -> None:
    (failure,) = failures(postfix((ANN, ANN), late=TOM))
    assert failure.addresses == (ANN,)
    assert failures(postfix(late=TOM)) == []
    warning = exim(ANN, is_new=False).replace(
        b"Mail delivery failed: returning", b"Warning: message delayed, returning"
    )
    assert failures(warning) == []
    delay = exim(ANN).replace(b"Action: failed", b"Action: delayed")
    assert failures(delay) == []


def test_a_report_that_is_encoded_or_lies_deeper_is_read() -> None:
    plain = sendmail(ANN, TOM)
    start, end = plain.index(b"Reporting-MTA"), plain.index(b"\n--w2J7", plain.index(b"Reporting-MTA"))
    kind = b"Content-Type: message/delivery-status\n"
    encoded = plain[:start] + base64.encodebytes(plain[start:end]) + plain[end:]
    encoded = encoded.replace(kind, kind + b"Content-Transfer-Encoding: base64\n")
    assert [failure.addresses for failure in failures(encoded)] == [(ANN,), (TOM,)]
    deeper = b'Content-Type: multipart/mixed; boundary="out"\n\n--out\n' + plain + b"\n--out--\n"
    assert [failure.addresses for failure in failures(deeper)] == [(ANN,), (TOM,)]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: hi\n\nFinal-Recipient: rfc822; ann@x.example\nAction: failed\n",  # a letter about it
        b"Content-Type: message/rfc822\n\nFinal-Recipient: rfc822; ann@x.example\nAction: failed\n",
        b"Content-Type: multipart/report\n\nFinal-Recipient: rfc822; ann@x.example\nAction: failed\n",
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: x400; /C=uk/ ann@x.example\nAction: failed\n",
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; ann\nAction: failed\n",
        b"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; ann@x.example\nAction: delivered\n",
        postfix((ANN, ANN)).replace(b"message/delivery-status", b"message/rfc822"),  # what was returned names nobody
    ],
)
def test_other_messages_name_nobody(message: bytes) -> None:
    assert failures(message) == []


PIECES = [
    b"\n",
    b"\n\n",
    b"--b",
    b"--",
    b": ",
    b"Content-Type: multipart/x; boundary=b\n",
    b"x-failed-recipients",
    b"@",
    b";",
]
PIECES += [
    b"Content-Type: message/delivery-status\n",
    b"Final-Recipient",
    b"Action: failed",
    b"rfc822",
    b"+2",
    b"a",
    b'"',
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_nonsense_is_read_to_its_end(pieces: list[bytes]) -> None:
    for failure in failures(b"".join(pieces)):
        assert failure.addresses and all(b"@" in address for address in failure.addresses)


def test_hostile_bounces_take_little_time() -> None:
    began = time.process_time()
    start = b"Content-Type: multipart/report; boundary=b\n\n"
    status = b"--b\nContent-Type: message/delivery-status\n\n"
    group = b"Final-Recipient: rfc822; a@b\nAction: failed\n\n"
    assert len(failures(start + status + group * 20_000)) == 1000
    assert len(failures((start + status + group) * 10_000)) <= 1000
    failures(start + b"--b\n" * 250_000)
    failures((b"Content-Type: multipart/x; boundary=" + b"b" * 900 + b"\n\n") * 1000)
    failures(b"X-Failed-Recipients: " + b"a@b," * 250_000 + b"\n\n")
    failures(b"X-Failed-Recipients: " + b"+2B@" * 250_000 + b"\n\n")
    failures(b"a: b\n" * 200_000)
    assert time.process_time() - began < 5

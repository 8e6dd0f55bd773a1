"""Cookies are those of ezmlm, and those of our own keys are not to be had without the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.lists import address, cookie

JOE = b"joe@x.y"
DATE = b"1000000000"


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (b"s", b"mlajgkcdkbbcfjbddemm"),
        (b"u", b"pegihnhjhpiplbklohmg"),
        (b"W", b"cngmfcmkeajclmngogln"),
        (b"P", b"bleemnelocdbceemanik"),
    ],
)
def test_a_cookie_of_ezmlm(action: bytes, expected: bytes) -> None:
    assert cookie.cookie(b"secretkey", DATE, JOE, action) == expected
    assert cookie.is_cookie(expected, b"secretkey", DATE, JOE, action)


def test_names_without_a_key() -> None:
    assert [cookie.digest(text) for text in (JOE, b"a@b.c", b"ann@x.y")] == [
        b"damgadkkfclekaapdclf",
        b"lgenndkmkkkjhmbebgij",
        b"injbjiibjkplimoniaed",
    ]


@pytest.mark.parametrize("key", [b"secretkey", b"", b"k" * 1000, b"\0\xff\n", cookie.KEYED + b"0" * 64 + b"\n"])
def test_every_part_counts(key: bytes) -> None:
    right = cookie.cookie(key, DATE, JOE, b"s")
    others = [
        cookie.cookie(key + b"x" if not key.startswith(cookie.KEYED) else cookie.KEYED + b"1", DATE, JOE, b"s"),
        cookie.cookie(key, b"1000000001", JOE, b"s"),
        cookie.cookie(key, DATE, b"joe@x.z", b"s"),
        cookie.cookie(key, DATE, JOE, b"u"),
    ]
    assert right not in others and len(set(others)) == 4
    assert not cookie.is_cookie(right[:-1], key, DATE, JOE, b"s")


@given(st.binary(max_size=80), st.binary(max_size=120))
def test_a_cookie_is_twenty_letters_for_whatever(key: bytes, text: bytes) -> None:
    found = cookie.cookie(key, b"", text)
    assert len(found) == 20 and found.strip(b"abcdefghijklmnop") == b""


@given(st.binary(max_size=60).filter(lambda text: b"=" not in text.rpartition(b"@")[2]))
def test_an_address_comes_back_out_of_its_box(local: bytes) -> None:
    whole = local + b"@host.example"
    assert address.unboxed(address.boxed(whole)) == whole

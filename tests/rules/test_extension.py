"""rules/extension: which file serves an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.rules.extension import candidates, new_sender, owner_files, safe

NAMES = st.text(alphabet="aB.-/", max_size=12).map(str.encode)


@pytest.mark.parametrize(
    ("dash", "ext", "names"),
    [
        (b"", b"", [b".qmail", b".qmaildefault"]),
        (b"-", b"a", [b".qmail-a", b".qmail-default"]),
        (b"-", b"a-", [b".qmail-a-", b".qmail-a-default", b".qmail-default"]),
        (b"-", b"a-b-c", [b".qmail-a-b-c", b".qmail-a-b-default", b".qmail-a-default", b".qmail-default"]),
        (b"-", b"", [b".qmail-", b".qmail-default"]),
        (b"-", b"-", [b".qmail--", b".qmail--default", b".qmail-default"]),
        (b"-", b"--", [b".qmail---", b".qmail---default", b".qmail--default", b".qmail-default"]),
        (b"-/", b"foo", [b".qmail-/foo", b".qmail-/default"]),
        (b"-", b"P.D.Q.Bach", [b".qmail-p:d:q:bach", b".qmail-default"]),
        (b"-", b"a/b", [b".qmail-a/b", b".qmail-default"]),
    ],
)
def test_the_files_are_tried_from_the_exact_to_the_general(dash: bytes, ext: bytes, names: list[bytes]) -> None:
    assert [candidate.name for candidate in candidates(dash, ext)] == names


@pytest.mark.parametrize(
    ("ext", "defaults"),
    [
        (b"a", [None, b"a"]),
        (b"A-b-C", [None, b"C", b"b-C", b"A-b-C"]),
        (b"foo-default", [b"default", b"default", b"foo-default"]),
        (b"x-DeFault", [b"DeFault", b"DeFault", b"x-DeFault"]),
        (b"", [None, b""]),
    ],
)
def test_default_is_what_the_general_name_stands_for_in_its_own_case(ext: bytes, defaults: list[bytes | None]) -> None:
    assert [candidate.default for candidate in candidates(b"-", ext)] == defaults


@given(dash=st.sampled_from([b"", b"-", b"-/"]), ext=NAMES)
def test_as_qmail_counts_them(dash: bytes, ext: bytes) -> None:
    lower = ext.lower().replace(b".", b":")
    expected = [b".qmail" + dash + lower]
    for i in range(len(lower), -1, -1):
        if i == 0 or lower[i - 1 : i] == b"-":
            expected.append(b".qmail" + dash + lower[:i] + b"default")
    found = list(candidates(dash, ext))
    assert [candidate.name for candidate in found] == expected
    for name, default in found[1:]:
        assert default is not None
        assert name == b".qmail" + dash + lower[: len(ext) - len(default)] + b"default"
        assert ext.endswith(default)


@given(ext=st.binary(max_size=12))
def test_no_dot_of_an_address_reaches_a_file_name(ext: bytes) -> None:
    assert b"." not in safe(ext)
    assert len(safe(ext)) == len(ext)


def test_bytes_above_ascii_keep_their_case() -> None:
    assert safe(b"\xc4\xd6Z") == b"\xc4\xd6z"


def test_owner_files_stand_beside_the_exact_file() -> None:
    assert owner_files(b"", b"") == (b".qmail-owner", b".qmail-owner-default")
    assert owner_files(b"-", b"My.List") == (b".qmail-my:list-owner", b".qmail-my:list-owner-default")


@pytest.mark.parametrize("sender", [b"", b"#@[]"])
def test_a_bounce_keeps_its_sender(sender: bytes) -> None:
    assert new_sender(sender, b"joe-l", b"host", True, True) == sender


@pytest.mark.parametrize(
    ("has_owner", "has_owner_default", "expected"),
    [
        (False, False, b"s@x"),
        (False, True, b"s@x"),
        (True, False, b"Joe-l-owner@Host"),
        (True, True, b"Joe-l-owner-@Host-@[]"),
    ],
)
def test_a_list_has_its_owner_as_sender(has_owner: bool, has_owner_default: bool, expected: bytes) -> None:
    assert new_sender(b"s@x", b"Joe-l", b"Host", has_owner, has_owner_default) == expected

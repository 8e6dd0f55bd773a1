"""sendmail's command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.cli.options import UsageError
from qmtwist.cli.submit.sendmailoptions import NotHere, Wanted, read

WORDS = st.binary(min_size=1, max_size=8).filter(lambda word: b"\0" not in word)
OPTIONS = st.builds(
    lambda letter, value: b"-" + letter + value, st.sampled_from(b"tfFbqNRhAoidv-").map(lambda n: b"%c" % n), WORDS
)


@given(st.lists(WORDS | OPTIONS, max_size=6))
def test_any_command_line_has_a_meaning_or_is_refused(words: list[bytes]) -> None:
    try:
        wanted = read(list(words))
    except (UsageError, NotHere) as error:
        assert b"\n" not in error.complaint.replace(b"-- \n", b"") or b"\n" in b"".join(words)
    else:
        assert wanted.mode in ("deliver", "list", "smtp", "aliases", "verify", "flush")
        assert wanted.strategy in (b"-a", b"-H")


@given(st.lists(WORDS, max_size=5))
def test_recipients_behind_the_options_are_all_kept(recipients: list[bytes]) -> None:
    found = read([b"-i", b"-t", b"-f", b"joe", b"--", *recipients])
    kept = tuple(name[1:-1] if name[:1] == b"<" and name[-1:] == b">" else name for name in recipients)
    assert found == Wanted("deliver", b"-H", b"joe", None, kept)


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        ([b"-bp", b"-z"], "list"),
        ([b"-bs", b"-bz"], "smtp"),
        ([b"-tbi"], "aliases"),
        ([b"-I"], "aliases"),
        ([b"-bv", b"a"], "verify"),
        ([b"-q"], "flush"),
        ([b"-qf"], "flush"),
        ([b"-bm"], "deliver"),
    ],
)
def test_modes(words: list[bytes], mode: str) -> None:
    assert read(words).mode == mode


@pytest.mark.parametrize("words", [b"-bd", b"-bD", b"-bt", b"-bh", b"-bH", b"-q15m", b"-q1h"])
def test_what_there_is_instead_is_said(words: bytes) -> None:
    with pytest.raises(NotHere, match=r"timetable|twistd|-bv|tcpto|tcpok"):
        read([words])

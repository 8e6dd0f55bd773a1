"""rules/plainwords: what needs no shell means the same to one."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qmtwist.rules.plainwords import plain_words

_PLAIN = "aZ09@%_+=:,./-"
_ODD = "'\"$\\~*?#;&|<>(){}[]!^`é\n\r\v"


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=_PLAIN + " \t", max_size=30))
def test_words_without_a_shell_are_those_that_a_shell_makes(text: str) -> None:
    command = b"forward " + os.fsencode(text)
    script = b"forward() { printf '%s,\\n' forward \"$@\"; }\n" + command
    printed = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout
    assert plain_words(command) == [line.removesuffix(b",") for line in printed.splitlines()]


@given(st.text(alphabet=_PLAIN + " \t"), st.sampled_from(_ODD), st.text(alphabet=_PLAIN + " \t"))
def test_whatever_means_something_to_a_shell_is_left_to_it(before: str, odd: str, after: str) -> None:
    assert plain_words(os.fsencode(before + odd + after)) is None


@pytest.mark.parametrize("command", [b"", b" \t", b"a" * 40_000])
def test_nothing_and_very_much_are_left_to_the_shell(command: bytes) -> None:
    assert plain_words(command) is None

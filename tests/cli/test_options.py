"""Options as getopt reads them."""

from __future__ import annotations

import pytest

from qmtwist.cli.options import Options, UsageError


@pytest.mark.parametrize(
    ("line", "found", "rest"),
    [
        (b"-ab -fx y", [(b"a", b""), (b"b", b""), (b"f", b"x")], [b"y"]),
        (b"-af x -b", [(b"a", b""), (b"f", b"x"), (b"b", b"")], []),
        (b"-a -- -b", [(b"a", b"")], [b"-b"]),
        (b"-a - -b", [(b"a", b"")], [b"-", b"-b"]),
        (b"x -a", [], [b"x", b"-a"]),
        (b"-aEbf -E", [(b"a", b""), (b"E", b"bf"), (b"E", b"")], []),
    ],
)
def test_words_are_told_apart(line: bytes, found: list[tuple[bytes, bytes]], rest: list[bytes]) -> None:
    options = Options(line.split(b" "), b"abf:E", b"E")
    assert list(options) == found
    assert options.rest == rest


def test_complaints_are_those_of_getopt() -> None:
    for line, complaint in ((b"-ax", b"illegal option -- x"), (b"-f", b"option requires an argument -- f")):
        with pytest.raises(UsageError) as caught:
            list(Options([line], b"abf:"))
        assert caught.value.complaint == complaint
    with pytest.raises(UsageError):
        list(Options([b"-:"], b"abf:"))

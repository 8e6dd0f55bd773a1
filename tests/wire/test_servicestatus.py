from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.wire.servicestatus import ServiceStatus, decode, describe, encode

STATUSES = st.builds(
    ServiceStatus,
    st.integers(0, 10**19),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.sampled_from([b"u", b"d", b"\0"]),
)


@given(STATUSES)
def test_what_is_written_is_read_back(status: ServiceStatus) -> None:
    data = encode(status)
    assert len(data) == 18
    assert decode(data) == status


def test_a_file_of_daemontools_is_read() -> None:
    data = b"@\0\0\0k\1\266\333\43\231\241\254\355\32\0\0\0u"
    status = decode(data)
    assert status is not None
    assert (status.pid, status.is_paused, status.want) == (0x1AED, False, b"u")
    assert encode(status) == data


def test_a_short_file_has_no_status() -> None:
    assert decode(b"x" * 17) is None


@pytest.mark.parametrize(
    ("pid", "is_paused", "want", "is_normally_up", "words"),
    [
        (7, False, b"u", True, b"up (pid 7) 3 seconds"),
        (7, True, b"d", False, b"up (pid 7) 3 seconds, normally down, paused, want down"),
        (0, True, b"u", True, b"down 3 seconds, normally up, want up"),
        (0, False, b"\0", False, b"down 3 seconds"),
    ],
)
def test_the_words_of_svstat(pid: int, is_paused: bool, want: bytes, is_normally_up: bool, words: bytes) -> None:
    assert describe(ServiceStatus(10**9, pid, is_paused, want), 4 * 10**9, is_normally_up) == words


def test_a_change_in_the_future_is_no_time_ago() -> None:
    assert describe(ServiceStatus(9 * 10**9, 1, False, b"u"), 0, True) == b"up (pid 1) 0 seconds"

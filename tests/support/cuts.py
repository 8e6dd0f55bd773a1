"""A stream in pieces of any size."""

from __future__ import annotations

from hypothesis import strategies as st


def cuts(stream: bytes) -> st.SearchStrategy[list[bytes]]:
    """All ways to cut a stream, among them a byte at a time and not at all."""
    places = st.lists(st.integers(0, len(stream)), max_size=12).map(sorted)
    some = places.map(lambda at: [stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)])
    return st.one_of(st.just([stream]), st.just([bytes([byte]) for byte in stream]), some)

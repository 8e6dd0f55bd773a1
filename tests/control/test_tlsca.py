"""control/tlsca: where the file with further authorities is."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.control.remote import load_remote


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, None),
        (b"\n", None),
        (b"/etc/ssl/partner.pem\n", "/etc/ssl/partner.pem"),
        (b"control/partner.pem \nthe rest is not read\n", "{home}/control/partner.pem"),
    ],
)
def test_the_path_is_absolute_or_below_the_home(tmp_path: Path, content: bytes | None, expected: str | None) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control/me").write_bytes(b"ours.example\n")
    if content is not None:
        (tmp_path / "control/tlsca").write_bytes(content)
    assert load_remote(str(tmp_path)).tlsca == (expected and expected.format(home=tmp_path))

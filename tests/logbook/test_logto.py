"""The words of --log-to."""

from __future__ import annotations

import pytest

from qmtwist.logbook.logto import LogTo, read_log_to
from qmtwist.logbook.selection import Rotation
from qmtwist.mail.errors import Malformed


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("-", LogTo("-")),
        ("journal", LogTo("journal", "/run/systemd/journal/socket")),
        ("journal:/tmp/socket", LogTo("journal", "/tmp/socket")),
        ("multilog:/log", LogTo("multilog", "/log")),
        ("multilog:/log:size=4096:number=2", LogTo("multilog", "/log", Rotation(4096, 2))),
        ("multilog:/log:number=50:size=16777215", LogTo("multilog", "/log", Rotation(16777215, 50))),
    ],
)
def test_what_can_be_said(text: str, wanted: LogTo) -> None:
    assert read_log_to(text) == wanted


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "want -"),
        ("syslog", "want -"),
        ("-x", "want -"),
        ("journal:", "slash"),
        ("journal:socket", "slash"),
        ("multilog", "slash"),
        ("multilog:", "slash"),
        ("multilog:log", "slash"),
        ("multilog:/a\0b", "slash"),
        ("multilog:/log:20", "size=BYTES"),
        ("multilog:/log:files=20", "size=BYTES"),
        ("multilog:/log:size=4095", "from 4096"),
        ("multilog:/log:size=16777216", "to 16777215"),
        ("multilog:/log:size=1e6", "number from"),
        ("multilog:/log:number=1", "from 2"),
        ("multilog:/log:number=", "from 2"),
        ("multilog:/log:number=\u0663", "from 2"),
    ],
)
def test_what_cannot(text: str, complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        read_log_to(text)

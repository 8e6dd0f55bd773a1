"""When it is time for a digest."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.filterhome import FilterHome
from tests.support.readinglist import directory, reading_list, write


@pytest.fixture
def place(tmp_path: Path) -> FilterHome:
    return reading_list(tmp_path)


@pytest.mark.parametrize(
    ("files", "words", "status"),
    [
        ({"num": "29:255"}, [], 99),
        ({"num": "30:0"}, [], 0),
        ({"num": "1:256"}, [], 0),
        ({"num": "1:1", "digsize": "0", "digcount": "1"}, [], 0),
        ({"num": "30:300", "digsize": "0", "digcount": "0"}, [], 99),
        ({"num": "1:1", "digsize": "0", "digcount": "0", "digtime": "0"}, [], 99),
        ({"num": "1:1"}, ["-k0", "-m", "1"], 0),
        ({"num": "1:1"}, ["-k0", "-m0", "-t0"], 0),
        ({"num": "1:1", "digcount": "1"}, ["-m5"], 99),
        ({"num": "1:1", "digcount": "many"}, [], 100),
        ({"num": "1:1"}, ["-m", "x"], 100),
        ({}, [], 99),
    ],
)
def test_when_it_is_time(place: FilterHome, files: dict[str, str], words: list[str], status: int) -> None:
    os.unlink(f"{directory(place)}/num")
    write(place, "dignum", f"0:0:{int(time.time()) - 3600}\n")
    for name, text in files.items():
        write(place, name, text + "\n")
    assert place.run("ezmlm-tstdig", *words, directory(place), LOCAL=None)[0] == status


def test_two_days_are_enough(place: FilterHome) -> None:
    write(place, "num", "1:1\n")
    for hours, status in ((47, 99), (48, 0)):
        write(place, "dignum", f"0:0:{int(time.time()) - hours * 3600 - 5}\n")
        assert place.run("ezmlm-tstdig", directory(place), LOCAL=None)[0] == status
    assert place.run("ezmlm-tstdig", "-t", "49", directory(place), LOCAL=None)[0] == 99


def test_one_digest_is_begun_at_a_time(place: FilterHome) -> None:
    write(place, "num", "50:1\n")
    assert [place.run("ezmlm-tstdig", directory(place))[0] for _ in range(3)] == [0, 99, 99]
    write(place, "tstdig", f"{int(time.time()) - 3700}\n")
    assert place.run("ezmlm-tstdig", directory(place))[0] == 0
    write(place, "dignum", f"10:0:{int(time.time()) + 1}\n")
    assert place.run("ezmlm-tstdig", directory(place))[0] == 0


def test_in_a_default_file_other_messages_pass(place: FilterHome) -> None:
    write(place, "num", "0:0\n")
    write(place, "dignum", f"0:0:{int(time.time())}\n")
    for action, status in (("help", 0), ("digest-subscribe", 0), ("dig.code", 99)):
        ended = place.run("ezmlm-tstdig", directory(place), LOCAL=f"list-{action}", DEFAULT=action)
        assert ended[0] == status

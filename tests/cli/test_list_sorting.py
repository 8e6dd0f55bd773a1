"""ezmlm-archive: an archive sorted by subjects and authors, in one run or in many."""

from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from qmtwist.agents.lists.indexing import make_index
from qmtwist.agents.lists.sorting import Range, sort_archive
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.rules.lists.threads import entries
from tests.support.filterhome import FilterHome
from tests.support.refusing_disk import each_failure

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def keep(place: Path, number: int, subject: str, author: str = "joe", month: int = 1, year: int = 2026) -> None:
    """A message as ezmlm-send keeps it."""
    path = place / f"archive/{number // 100}/{number % 100:02d}"
    path.parent.mkdir(parents=True, exist_ok=True)
    received = (
        f"Received: (qmail 7 invoked from network); {number % 28 + 1} {MONTHS[month - 1]} {year} 00:00:00 -0000\n"
    )
    path.write_text(f"Return-Path: <{author}@x.y>\n{received}Subject: {subject}\nFrom: {author} <{author}@x.y>\n\nx\n")
    path.chmod(0o744)
    (place / "num").write_text(f"{number}:{number}\n")


def crowd(place: Path, first: int, last: int) -> None:
    """Messages of some subjects and authors, over months."""
    chance = random.Random(7)
    for number in range(1, last + 1):
        subject = f"{chance.choice(['', 'Re: '])}subject {chance.randrange(9)}"
        author = f"author{chance.randrange(5)}"
        if number >= first:
            keep(place, number, subject, author, number // 40 % 12 + 1)


def sorted_files(place: Path) -> dict[str, bytes]:
    """What ezmlm-archive has made."""
    files = [path for part in ("threads", "subjects", "authors") for path in (place / "archive" / part).rglob("*")]
    return {str(path.relative_to(place)): path.read_bytes() for path in files if path.is_file()}


# What ezmlm-idx 7.2.2 (ezmlm-idx and ezmlm-archive) makes of RECORDED, in a list with the prefix [l].
RECORDED = (
    ("Hello World", "Joe Q <joe@x.y>", "Jan"),
    ("Re: hello  world", "ann-lists@x.y (Ann)", "Jan"),
    ("[l] Re: Hello World", '"Zed, A." <Zed@X.Y>', "Feb"),
    ("=?utf-8?q?Re:_gr=C3=BC=C3=9Fe?=", "joe@x.y", "Feb"),
    ("AW: Hello World", "Joe <joe-news@x.y>", "Feb"),
)
INDEX = """\
1: ooglnecamlenokomobla Hello World
	01 Jan 2026 00:00:00 -0000;bkdbcdokjldkgbbhholg Joe Q
2: ooglnecamlenokomobla Re: hello  world
	02 Jan 2026 00:00:00 -0000;dkhkogiadboiifnhekki Ann
3: ooglnecamlenokomobla Re: Hello World
	03 Feb 2026 00:00:00 -0000;igfaebgjnjehophchjfh Zed, A.
4: ippneelcdadicjnoogji Re: grüße
	04 Feb 2026 00:00:00 -0000;ccpkkichpgphjodeacnj joe.x.y
5: ooglnecamlenokomobla Re: Hello World
	05 Feb 2026 00:00:00 -0000;bkdbcdokjldkgbbhholg Joe
"""
SORTED = {
    "authors/bk/dbcdokjldkgbbhholg": """\
bkdbcdokjldkgbbhholg Joe Q
1:202601:ooglnecamlenokomobla Hello World
5:202602:ooglnecamlenokomobla Hello World
""",
    "authors/cc/pkkichpgphjodeacnj": "ccpkkichpgphjodeacnj joe.x.y\n4:202602:ippneelcdadicjnoogji Re: grüße\n",
    "authors/dk/hkogiadboiifnhekki": "dkhkogiadboiifnhekki Ann\n2:202601:ooglnecamlenokomobla Hello World\n",
    "authors/ig/faebgjnjehophchjfh": "igfaebgjnjehophchjfh Zed, A.\n3:202602:ooglnecamlenokomobla Hello World\n",
    "subjects/ip/pneelcdadicjnoogji": "ippneelcdadicjnoogji Re: grüße\n4:202602:ccpkkichpgphjodeacnj joe.x.y\n",
    "subjects/oo/glnecamlenokomobla": """\
ooglnecamlenokomobla Hello World
1:202601:bkdbcdokjldkgbbhholg Joe Q
2:202601:dkhkogiadboiifnhekki Ann
3:202602:igfaebgjnjehophchjfh Zed, A.
5:202602:bkdbcdokjldkgbbhholg Joe Q
""",
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path


def sort(place: Path, first: int | None = None, last: int | None = None) -> dict[str, bytes]:
    sort_archive(str(place), Range(first, last))
    return sorted_files(place)


def test_the_files_are_those_of_ezmlm_idx(place: Path) -> None:
    keep(place, 1, "hello", "joe")
    keep(place, 2, "Re: hello", "ann")
    keep(place, 3, "other", "joe", 2)
    keep(place, 4, "Re: Re: hello", "joe", 2)
    found = sort(place)
    (subject,) = [data for path, data in found.items() if b" hello\n1:" in data]
    lines = subject.split(b"\n")
    key, joe = lines[0].split()[0], lines[1].split(b":")[2].split()[0]
    ann = lines[2].split(b":")[2].split()[0]
    assert lines == [
        key + b" hello",
        b"1:202601:" + joe + b" joe",
        b"2:202601:" + ann + b" ann",
        b"4:202602:" + joe + b" joe",
        b"",
    ]
    name = key.decode()
    assert found[f"archive/subjects/{name[:2]}/{name[2:]}"] == subject
    writer = found[f"archive/authors/{joe.decode()[:2]}/{joe.decode()[2:]}"]
    assert writer.startswith(joe + b" joe\n1:202601:" + key + b" hello\n3:202602:") and b"\n4:202602:" in writer
    assert found["archive/threads/202601"] == b"2:" + key + b" [2] hello\n"
    assert found["archive/threads/202602"].split(b"\n")[1] == b"4:" + key + b" [1] hello"
    assert (place / "archnum").read_bytes() == b"4\n"


def test_a_recorded_archive_is_sorted_as_ezmlm_idx_sorts_it(place: Path) -> None:
    for number, (subject, author, month) in enumerate(RECORDED, 1):
        path = place / f"archive/0/{number:02d}"
        path.parent.mkdir(exist_ok=True)
        received = f"Received: (qmail 7 invoked from network); 0{number} {month} 2026 00:00:00 -0000\n"
        path.write_text(f"Return-Path: <x@x.y>\n{received}Subject: {subject}\nFrom: {author}\n\nx\n")
        path.chmod(0o744)
    (place / "num").write_text("5:5\n")
    (place / "prefix").write_text("[l]\n")
    make_index(str(place), 0, 999)
    assert (place / "archive/0/index").read_text() == INDEX
    found = {path.removeprefix("archive/"): data.decode() for path, data in sort(place).items()}
    assert {path: data for path, data in found.items() if not path.startswith("threads/")} == SORTED


def test_message_by_message_or_all_at_once_is_the_same(place: Path) -> None:
    step = place / "step"
    for number in (1, 2, 3, 60, 130, 131, 250):
        crowd(step, 1, number)
        sort(step)
    crowd(place, 1, 250)
    assert sort(place) == sorted_files(step) and len(sorted_files(step)) > 15
    assert sort(place) == sort(place, 0) == sort(place, 120) == sorted_files(step)


def test_a_part_can_be_sorted_and_the_rest_later(place: Path) -> None:
    crowd(place, 1, 230)
    whole = sort(place)
    part = place / "part"
    crowd(part, 1, 230)
    assert sort(part, 0, 120) != whole and (part / "archnum").read_bytes() == b"120\n"
    assert sort(part) == whole


def test_an_index_with_gaps_and_without_dates_is_completed(place: Path) -> None:
    crowd(place, 1, 130)
    whole = sort(place)
    index = place / "archive/0/index"
    index.write_bytes(b"3: %s subject 4\n\t;%s author\nnonsense\n" % (b"a" * 20, b"b" * 20))
    assert sort(place, 0) == whole
    index.write_bytes(b"3: %s its own\n\t7 Dec 2031 00:00:00 -0000;%s author\n" % (b"a" * 20, b"b" * 20))
    found = sort(place, 0)
    assert found["archive/subjects/aa/" + 18 * "a"] == b"a" * 20 + b" its own\n3:203112:" + b"b" * 20 + b" author\n"
    assert found["archive/threads/203112"] == b"3:" + b"a" * 20 + b" [1] its own\n"


def test_messages_that_are_not_complete_do_not_count(place: Path) -> None:
    crowd(place, 1, 3)
    (place / "archive/0/02").chmod(0o644)
    assert b"".join(sort(place).values()).count(b"\n2:") == 0


def test_hostile_hashes_lead_nowhere() -> None:
    index = b"1: ../../../../../../x hi\n\t1 Jan 2026;%s joe\n" % (b"a" * 20)
    assert list(entries(index + index.replace(b"../../../../../../x", b"a" * 19 + b"/"))) == []


def test_an_archive_without_messages(place: Path) -> None:
    for text in (None, "0\n"):
        if text:
            (place / "num").write_text(text)
        with pytest.raises(Permanent):
            sort(place)
        assert sorted({path.name for path in place.rglob("*")} - {"num"}) == ["archive", "lock"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whatever_call_fails_the_next_run_mends_it(place: Path, code: int) -> None:
    whole = place / "whole"
    crowd(whole, 1, 12)
    wanted = sort(whole)
    crowd(place, 1, 7)
    sort(place)
    crowd(place, 8, 12)

    def work() -> None:
        sort_archive(str(place), Range(8 if (place / "archnum").read_bytes() == b"12\n" else None))

    failures = 0
    for disk, outcome in each_failure(work, code):
        failures += 1
        found = sorted_files(place)
        assert isinstance(outcome, Temporary | OSError) or found == wanted, (disk.failed, outcome)
        assert all(data.endswith(b"\n") for data in found.values()), disk.failed
    assert failures > 100
    assert sort(place) == wanted


def test_the_program(tmp_path: Path) -> None:
    home = FilterHome(tmp_path)
    home.run("ezmlm-make", f"{home.user}/list", f"{home.user}/.qmail-list", "list", "h.dom")
    place = Path(home.user, "list")
    assert home.run("ezmlm-archive", str(place)) == (100, b"", b"ezmlm-archive: fatal: no messages in archive\n")
    crowd(place, 1, 120)
    assert home.run("ezmlm-archive", str(place)) == (0, b"", b"")
    made = sorted_files(place)
    assert (place / "archnum").read_bytes() == b"120\n" and made
    for words in (["-c"], ["-f", "100"], ["-sS", "-CF", "-T"], ["-f", "0", "-t", "120"]):
        assert home.run("ezmlm-archive", *words, str(place)) == (0, b"", b"") and sorted_files(place) == made
    for wrong in ([], ["-f", "x", str(place)], ["-z", str(place)]):
        assert home.run("ezmlm-archive", *wrong)[0] == 100
    assert home.run("ezmlm-archive", "list")[::2] == (100, b"ezmlm-archive: fatal: dir must start with slash\n")

"""qmtwist archive: pages for a browser, made at once or letter by letter, and nothing in them that a letter wrote."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.list_archive import Writer, fill
from qmtwist.agents.lists import website
from qmtwist.agents.lists.website import Done, Wishes, publish
from qmtwist.mail.errors import Permanent, Temporary
from tests.support.filterhome import FilterHome
from tests.support.refusing_disk import each_failure

SCRIPTS = "<script>alert(1)</script>"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    fill(str(tmp_path / "list"), 0, Writer())
    return tmp_path


def keep(place: Path, text: str | bytes, number: int = 0) -> int:
    """One more letter, as ezmlm-send keeps it."""
    number = number or int((place / "list/num").read_text().split(":")[0]) + 1
    path = place / f"list/archive/{number // 100}/{number % 100:02d}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(0o744)
    (place / "list/num").write_text(f"{number}:1\n")
    return number


def letter(subject: str = "hi", author: str = "Joe <joe@x.example>", more: str = "", text: str = "text\n") -> str:
    return f"From: {author}\nSubject: {subject}\nDate: 21 Nov 2026 01:02:03 -0000\n{more}\n{text}"


def make(place: Path, **wishes: object) -> Done:
    return publish(str(place / "list"), str(place / "out"), Wishes(**wishes))  # type: ignore[arg-type]


def files(place: Path) -> dict[str, bytes]:
    out = place / "out"
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(".")}


def page(place: Path, name: str) -> str:
    return (place / "out" / name).read_text()


class Tags(HTMLParser):
    """The tags of a page, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        assert (tag == "li") == (self.open[-1:] == ["ul"]), self.getpos()
        if tag not in ("meta", "link", "img", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())


def checked(place: Path) -> set[str]:
    """Every page is well formed, leads to files that are there, and has no script; the files that are led to."""
    led_to = {"index.html"}
    for name, data in files(place).items():
        if not name.endswith(".html"):
            continue
        found = Tags(data.decode())
        assert found.open == [], name
        for tag, said in found.tags:
            assert not any(key.startswith("on") or key == "style" for key in said), (name, said)
            assert tag not in ("iframe", "object", "embed", "style", "base", "svg"), name
            assert tag != "script" or (name, said) == ("search.html", {"src": "search.js", "defer": None})
            link = said.get("href") or said.get("src") or said.get("action") or ""
            if not link.startswith(("mailto:", "https://", "http://", "#")) and link:
                path = os.path.normpath(os.path.join(os.path.dirname(name), link))
                assert (place / "out" / path).is_file(), (name, link)
                led_to.add(path)
    return led_to


def test_all_pages_of_an_archive(place: Path) -> None:
    fill(str(place / "list"), 140, Writer())
    assert make(place, title="Friends & others") == (140, 140)
    led_to = checked(place)
    made = files(place)
    assert {name for name in made if name.endswith(".html")} <= led_to
    assert sum(name.startswith("msg/") for name in made) == 140 and any(name.endswith(".png") for name in made)
    assert "<title>Friends &amp; others</title>" in page(place, "index.html")
    assert re.search(r"140 letters in \d+ threads by \d+ authors", page(place, "index.html"))
    for name, data in made.items():
        for address in re.findall(rb"[\w.]+@[\w.]+", data):
            assert address.endswith(b"@lists.example"), (name, address)
    assert {path.stat().st_mode & 0o777 for path in (place / "out").rglob("*") if path.is_file()} <= {0o644, 0o600}


def test_letter_by_letter_or_all_at_once_is_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qmtwist.agents.lists.wordfiles._RECENT", 20)
    monkeypatch.setattr(website, "_BATCH_LETTERS", 9)
    step, writer = place / "step", Writer()
    for number in range(1, 41):
        fill(str(step / "list"), number, writer, number)
        assert make(step) == (1, number)
    fill(str(place / "list"), 40, Writer())
    assert make(place) == (40, 40) and make(place) == (0, 40)
    once, stepwise = files(place), files(step)
    words = {name for name in once if name.startswith("search/") and not name.startswith("search/m")}
    assert {name: once[name] for name in once if name not in words} == {
        name: stepwise[name] for name in stepwise if not name.startswith("search/") or name.startswith("search/m")
    }
    assert len(words) > 40
    assert make(step, is_anew=True) == (40, 40) and files(step) == once


def test_a_letter_that_is_taken_out_of_the_list_goes_when_all_is_made_anew(place: Path) -> None:
    for number in range(1, 4):
        keep(place, letter(f"topic {number}", f"A{number} <a{number}@x.example>"))
    picture = "Content-Type: image/gif\nContent-Transfer-Encoding: base64\n"
    keep(place, letter("topic 4", "A4 <a4@x.example>", picture, "R0lGODlhAQABAAAAACw=\n"))
    make(place)
    before = files(place)
    os.unlink(place / "list/archive/0/04")
    os.unlink(place / "list/archive/0/02")
    assert make(place) == (0, 4) and files(place) == before
    assert make(place, is_anew=True) == (2, 2)
    checked(place)
    text = b"".join(files(place).values())
    assert b"topic 1" in text and b"topic 2" not in text and b"topic 4" not in text
    assert not any(name.startswith("files/") for name in files(place)) and not list((place / "out/files").iterdir())


def test_other_settings_make_all_anew(place: Path) -> None:
    old = letter(more="Received: x; 1 Jan 2020 00:00:00 -0000\n").replace("21 Nov 2026", "7 May 2011")
    keep(place, old)
    make(place)
    assert "January 2020" in page(place, "msg/1.html")
    make(place, is_by_date_field=True, title="T")
    keep(place, letter("second"))
    assert make(place) == (1, 2)  # what was said is remembered
    assert "May 2011" in page(place, "msg/1.html") and page(place, "msg/2.html").count("- T</title>") == 1
    os.unlink(place / "list/archive/0/02")
    make(place, is_anew=True)
    assert sorted(os.listdir(place / "out/month")) == ["2011-05-date.html", "2011-05.html"]


@pytest.mark.parametrize("field", ["X-No-Archive: yes\n", "Archive: no\n"])
def test_an_author_may_keep_a_letter_out(place: Path, field: str) -> None:
    keep(place, letter("first"))
    keep(place, letter("secretive", more=field))
    assert make(place) == (1, 1) and make(place) == (0, 1)
    keep(place, letter("third"))
    assert make(place) == (1, 2)
    assert b"secretive" not in b"".join(files(place).values()) and "msg/2.html" not in files(place)


def test_an_empty_archive_has_a_first_page(place: Path) -> None:
    assert make(place) == (0, 0)
    checked(place)
    assert "There are no letters yet." in page(place, "index.html")
    keep(place, letter())
    assert make(place) == (1, 1) and "no letters yet" not in page(place, "index.html")


def test_a_directory_of_somebody_else_is_left_alone(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out/index.html").write_text("mine")
    with pytest.raises(Permanent, match="not those of an archive"):
        make(place)
    assert os.listdir(place / "out") == ["index.html"] and page(place, "index.html") == "mine"


PAGE, ATTACHED = "Content-Type: text/html\n", "Content-Disposition: attachment\n"
HOSTILE: dict[str, str] = {
    "subject": letter(f'"><img src=x onerror=alert(1)>{SCRIPTS}'),
    "author": letter(author=f'"{SCRIPTS}" <"><script>@x.example>'),
    "words": letter("=?utf-8?q?=3Cscript=3Ealert=281=29=3C/script=3E?=", "=?utf-8?q?=3Cb_onclick=3Dx=3E?= <j@x.y>"),
    "text": letter(text=f"{SCRIPTS}\n> {SCRIPTS}\n-- \n{SCRIPTS}\n"),
    "page": letter(more=PAGE, text=f"<p onclick=x>{SCRIPTS}&lt;script&gt;alert(2)&lt;/script&gt;"),
    "link": letter(text="https://x.example/\"onmouseover=alert(1) javascript:alert(1) https://x.example/'><b>\n"),
    "page link": letter(more=PAGE, text="<a href='javascript:alert(1)'>x</a><a href='https://x/\"><script>'>y"),
    "name": letter(more="Content-Type: image/png; name=\"'><script>x.svg\"\n", text="\x89PNG"),
    "svg": letter(more="Content-Type: image/svg+xml; name=a.svg\n", text=f"<svg>{SCRIPTS}</svg>"),
    "html file": letter(more=f"Content-Type: text/html; name=a.html\n{ATTACHED}", text=SCRIPTS),
    "path": letter(more=f'Content-Type: text/x-y; name="../../../../etc/x.html"\n{ATTACHED}', text=SCRIPTS),
    "message-id": letter(more=f"Message-ID: <{SCRIPTS}@../../x>\nReferences: <../../../x>\n"),
    "date": letter().replace("21 Nov 2026", SCRIPTS),
    "escape": letter("\x1b]0;x\x07\u202eevil", text="\x1b[2J\x00\u202e\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_that_a_letter_says_is_more_than_text(place: Path, name: str) -> None:
    keep(place, HOSTILE[name])
    keep(place, letter("Re: hi", more="References: <x>\n"))
    assert make(place) == (2, 2)
    checked(place)
    made = files(place)
    assert {name.rpartition(".")[2] for name in made if name.startswith("files/")} <= {"txt"}
    assert not set("\x1b\x07\u202e") & set(b"".join(data for at, data in made.items() if at.endswith("l")).decode())
    for at, data in made.items():
        if at.startswith("search/"):
            assert data.isascii() and re.fullmatch(rb"archive\.\w+\(.*\);\n", data)
    assert sorted(path.name for path in place.iterdir()) == ["list", "out"]


def test_text_files_are_published_as_utf_8(place: Path) -> None:
    more = "Content-Type: text/x-patch; charset=koi8-r; name=a.patch\nContent-Disposition: attachment\n"
    keep(place, letter(more=more, text="").encode() + "Привет <b> bob@x.example\n".encode("koi8-r"))
    make(place)
    assert (place / "out/files/1/1.txt").read_bytes() == b"\xef\xbb\xbf" + "Привет <b> bob@…\n".encode()
    assert "a.patch" in page(place, "msg/1.html")


def test_threads_months_and_authors(place: Path) -> None:
    keep(place, letter("plan", "Ann <ann@x.example>", "Message-ID: <1@x>\n"))
    keep(place, letter("Re: plan", "Joe <joe@x.example>", "Message-ID: <2@x>\nIn-Reply-To: <1@x>\n"))
    keep(place, letter("new words", "Ann B <ann@x.example>", "Message-ID: <3@x>\nReferences: <0@x> <2@x>\n"))
    keep(place, letter("AW: Plan", "Tom <tom@x.example>"))
    keep(place, letter("plan", "Tom <tom@x.example>"))
    make(place)
    thread = page(place, "thread/1.html")
    assert re.findall(r"<b><bdi>(\w+ ?\w*)</bdi></b>", thread) == ["Ann", "Joe", "Ann B", "Tom"]
    assert "4 letters by 3 authors" in thread and "new words" in thread and "thread/5.html" not in files(place)
    assert "3.html" in page(place, "msg/2.html") and "what this answers" in page(place, "msg/3.html")
    ann = re.findall(r"author/(\w+)\.html", page(place, "msg/1.html"))[0]
    assert "<h1><bdi>Ann B</bdi></h1>" in page(place, f"author/{ann}.html")
    assert "2 letters" in page(place, f"author/{ann}.html") and "3 people" in page(place, "authors.html")
    assert "2 threads" in page(place, "month/2026-11.html") and "5 letters" in page(place, "month/2026-11-date.html")


def test_whatever_call_fails_the_next_run_completes_it(place: Path) -> None:
    writer = Writer()
    fill(str(place / "list"), 2, writer)
    make(place)
    fill(str(place / "list"), 4, writer, 3)
    before = shutil.copytree(place / "out", place / "before")
    make(place)
    whole = files(place)
    shutil.rmtree(place / "out")
    shutil.copytree(before, place / "out")
    failures = 0
    for disk, outcome in each_failure(lambda: make(place), errno.ENOSPC):
        failures += 1
        assert isinstance(outcome, Temporary | OSError | Done), (disk.failed, outcome)
        lines = (place / "out/.known").read_bytes().split(b"\n")
        pages = [name for name in files(place) if name.startswith("msg/") and name.endswith(".html")]
        assert len(pages) >= sum(line.startswith(b"[") for line in lines) - 1, disk.failed
        if failures % 9 == 0:
            assert make(place).all == 4
            assert {name: data for name, data in files(place).items() if not name.endswith(".new")} == whole
        shutil.rmtree(place / "out")
        shutil.copytree(before, place / "out")
    assert failures > 60


def test_what_a_crash_cut_off_is_made_again(place: Path) -> None:
    fill(str(place / "list"), 12, Writer())
    make(place)
    made, known = files(place), (place / "out/.known").read_bytes()
    for end in range(len(known.split(b"\n")[0]), len(known), 97):
        (place / "out/.known").write_bytes(known[:end])
        make(place)
        assert (place / "out/.known").read_bytes().startswith(known[:end].rpartition(b"\n")[0])
        assert files(place) == made


def test_old_pages_go_even_if_making_them_anew_was_cut_off(place: Path) -> None:
    fill(str(place / "list"), 4, Writer())
    make(place)
    os.unlink(place / "list/archive/0/03")
    cut_off = 0
    before = shutil.copytree(place / "out", place / "before")
    for disk, _ in each_failure(lambda: make(place, is_anew=True), errno.EIO):
        if b'"anew"' in (place / "out/.known").read_bytes():
            cut_off += 1
            if cut_off % 9 == 0:
                make(place)
                assert "msg/3.html" not in files(place), disk.failed
            shutil.rmtree(place / "out")
            shutil.copytree(before, place / "out")
    assert cut_off > 20


def test_the_program(tmp_path: Path) -> None:
    home = FilterHome(tmp_path)
    home.run("ezmlm-make", f"{home.user}/list", f"{home.user}/.qmail-list", "list", "h.dom")
    place = Path(home.user)
    keep(place, letter("Grüße", text="to list-subscribe@h.dom and ann@x.example\n"))
    words = ("qmtwist", "archive", "--title", "Zoë's", f"{place}/list", f"{place}/out")
    assert home.run(*words) == (0, b"", b"qmtwist archive: info: 1 of 1 letters are new\n")
    assert "<title>Grüße - Zoë&#x27;s</title>" in page(place, "msg/1.html")
    assert "to list-subscribe@h.dom and ann@…" in page(place, "msg/1.html")
    assert home.run(*words) == (0, b"", b"qmtwist archive: info: 0 of 1 letters are new\n")
    assert home.run("qmtwist", "archive", f"{place}/nowhere", f"{place}/out")[0] == 111
    assert home.run("qmtwist", "archive", f"{place}/list", f"{place}/list")[0] == 100
    assert home.run("qmtwist", "archive", f"{place}/list")[0] == 100


def test_settings_can_be_taken_back(place: Path) -> None:
    keep(place, letter())
    make(place, title="T", is_by_date_field=True)
    make(place, title="", is_by_date_field=False)
    assert "- friends@lists.example</title>" in page(place, "msg/1.html")


def test_the_pages_of_another_list_are_left_alone(place: Path) -> None:
    keep(place, letter())
    make(place)
    made = files(place)
    (place / "list/outlocal").write_text("others\n")
    with pytest.raises(Permanent, match=r"archive of friends@lists\.example"):
        make(place)
    assert files(place) == made
    assert make(place, is_anew=True) == (1, 1)
    assert "others@lists.example" in page(place, "index.html")


def test_two_at_a_time_do_not_disturb_each_other(place: Path) -> None:
    fill(str(place / "list"), 60, Writer())
    words = [sys.executable, "-m", "qmtwist.cli.main", "archive", f"{place}/list", f"{place}/out"]
    runs = [subprocess.Popen(words, stderr=subprocess.PIPE) for _ in range(3)]
    said = sorted([run.communicate()[1] for run in runs])
    assert said == [b"qmtwist archive: info: %d of 60 letters are new\n" % count for count in (0, 0, 60)]
    assert (place / "out/.known").read_bytes().count(b"\n") == 61
    checked(place)

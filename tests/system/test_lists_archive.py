"""A list's archive, the way of docs/howto/list-archive.md, on a running server; and its search in a browser."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator

import pytest

from bench.list_archive import Writer, fill
from qmtwist.agents.lists.website import Wishes, publish
from tests.support.daemon import TOP, running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(made: Town, kind: str) -> list[str]:
    """The commands, or the lines for .qmail files, that the document shows."""
    with open(os.path.join(TOP, "docs/howto/list-archive.md"), encoding="utf-8") as stream:
        text = stream.read().replace("/var/qmail", made.path)
    return [block for found, block in BLOCK.findall(text) if found == kind]


def shell(office: Office, text: str) -> str:
    """Let joe do this."""
    home, made = office.town.directory("joe"), office.town
    script = f"set -e; export HOME={home} PATH={made.path}/bin:$PATH; umask 022; cd\n{text}"
    return made.run("/bin/sh", "-c", script, user="joe")


def post(office: Office, subject: str, text: str, more: str = "") -> None:
    """Ann writes to the list."""
    message = f"From: Ann <ann@{H}>\nSubject: {subject}\nMessage-ID: <{subject[-1]}@ann>\n{more}\n{text}"
    report = office.deliver(f"joe-friends@{H}", f"ann@{H}", message.encode())
    assert "success" in report, report


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann") as made, running(Office(made)) as daemon:
        shell(daemon, f"ezmlm-make ~/friends ~/.qmail-friends joe-friends {H}; ezmlm-sub ~/friends ann@{H}")
        shell(daemon, "rm ~/friends/dmarc; ezmlm-idx ~/friends; mkdir ~/public_html")
        yield daemon


def page(office: Office, name: str) -> str:
    path = os.path.join(office.town.directory("joe"), "public_html/friends", name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def test_the_way_of_the_document(office: Office) -> None:
    make, tell, take_out, by_date = blocks(office.town, "sh")
    line, sorting = blocks(office.town, "qmail")
    shell(office, make)
    assert "There are no letters yet." in page(office, "index.html") and "Joe and friends" in page(office, "index.html")
    directory = office.town.directory("joe")
    editor = office.town.read("joe", "friends/editor").splitlines(True)
    at = next(at for at, text in enumerate(editor) if "ezmlm-send" in text)
    with open(f"{directory}/friends/editor", "w", encoding="utf-8") as stream:
        stream.write("".join([*editor[: at + 1], line, sorting, *editor[at + 1 :]]))
    post(office, "plan 1", f"Write to bob@far.example or joe-friends@{H}.\n<script>alert(1)</script>\n")
    post(office, "Re: plan 1", "> plan\nyes\n", "In-Reply-To: <1@ann>\n")
    post(office, "secret 3", "to be removed\n")
    first = page(office, "msg/1.html")
    assert "bob@…" in first and f"joe-friends@{H}" in first and "&lt;script&gt;" in first and "<script" not in first
    assert "2.html" in first and "2 letters by 1 author" in page(office, "thread/1.html")
    shell(office, tell)
    office.town.forget("ann")
    assert "3 letters in 2 threads" in page(office, "index.html")
    assert "secret" in page(office, "msg/3.html") and "secret" in page(office, "search/recent.js")
    assert os.listdir(f"{directory}/friends/archive/threads") and office.town.read("joe", "friends/archnum") == "3\n"
    assert os.stat(f"{directory}/public_html/friends/msg/1.html").st_mode & 0o777 == 0o644
    shell(office, take_out)
    assert not page(office, "msg/3.html") and "secret" not in page(office, "search/recent.js")
    shell(office, by_date)
    assert "2 letters in 1 thread" in page(office, "index.html") and "Joe and friends" in page(office, "index.html")


def test_archive_by_mail_goes_on(office: Office) -> None:
    """-get and -index answer as before, with subjects that can be read."""
    subject = "=?iso-8859-1?q?gr=FC=DFe_4?="
    office.town.forget("ann")
    post(office, subject, "four\n")
    (letter,) = office.wait_for_messages("ann", 1)
    assert b"\nArchived-At: <https://lists.example.org/friends/msg/4.html>\n" in letter
    for action, text in (("get.1", b"> Write to bob@far.example"), ("index", "4: grüße 4\n\tAnn\n".encode())):
        office.town.forget("ann")
        assert "success" in office.deliver(f"joe-friends-{action}@{H}", f"ann@{H}")
        (letter,) = office.wait_for_messages("ann", 1)
        assert text in letter


def test_pages_that_cannot_be_written_stop_no_letter(office: Office) -> None:
    public = f"{office.town.directory('joe')}/public_html"
    os.rename(f"{public}/friends", f"{public}/kept")
    office.town.file("joe", "public_html/friends", "a file\n")
    office.town.forget("ann")
    post(office, "plan 5", "five\n")
    (letter,) = office.wait_for_messages("ann", 1)
    assert b"\nfive\n" in letter
    os.unlink(f"{public}/friends")
    os.rename(f"{public}/kept", f"{public}/friends")
    post(office, "plan 6", "six\n")
    assert "five" in page(office, "msg/5.html") and "six" in page(office, "msg/6.html")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_goes_on_as_the_owner_of_the_list(office: Office) -> None:
    made = office.town
    directory = made.directory("joe")
    made.run("qmtwist", "archive", "--all", f"{directory}/friends", f"{directory}/public_html/friends")
    for folder, _, names in os.walk(f"{directory}/public_html/friends"):
        for name in (".", *names):
            assert os.stat(os.path.join(folder, name)).st_uid == made.owner("joe")[0], (folder, name)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A web server that knows nothing about archives."""

    def log_message(self, *_: object) -> None:
        """It keeps no log."""


@contextlib.contextmanager
def served(directory: str) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=directory))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs the package chromium")
def test_the_search_in_a_browser() -> None:
    """By a web server and from the disk; words in shards and in the file of the latest letters."""
    with tempfile.TemporaryDirectory(prefix="qmtwist-test-") as top:
        writer = Writer()
        fill(f"{top}/list", 505, writer)
        publish(f"{top}/list", f"{top}/out", Wishes())
        body = "Subject: T\u00fcrklinke 漢字変換\nFrom: Zo\u00eb <z@x.example>\n\nunheard Конструкция <b>of</b>\n"
        path = f"{top}/list/archive/5/06"
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(body)
        os.chmod(path, 0o744)
        with open(f"{top}/list/num", "w") as stream:
            stream.write("506:1\n")
        publish(f"{top}/list", f"{top}/out", Wishes())
        with served(f"{top}/out") as address:
            words = "turklinke+ZOE+unheard+%E5%AD%97%E5%A4%89+%D0%9A%D0%BE%D0%BD%D1%81%D1%82"
            for place in (f"file://{top}/out", address):
                found = searched(top, f"{place}/search.html?q={words}")
                assert ">1 letter<" in found and 'href="msg/506.html"' in found, place
            attached = searched(top, f"{address}/search.html?q=picture336")
            assert ">1 letter<" in attached and 'href="msg/336.html"' in attached
            nothing = searched(top, f"{address}/search.html?q=turklinke+%22%3E%3Cimg%20src=nowhere%3E")
            assert ">0 letters, the latest first<" in nothing and "<img" not in nothing


def searched(top: str, address: str) -> str:
    """The page as a browser has it when its script has run."""
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={top}/browser"]
    environ = {**os.environ, "HOME": top}
    ended = subprocess.run(
        [*words, "--virtual-time-budget=4000", "--dump-dom", address], capture_output=True, timeout=60, env=environ
    )
    return ended.stdout.decode()

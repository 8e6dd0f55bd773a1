"""How long does the archive of a list take as pages for the browser, and how much memory?

    .venv/bin/python -m bench.list_archive [--letters 10000] [--keep DIR]

A made archive of some years: letters of a few kilobytes in threads, quoting each other, by 400 authors; in UTF-8 and
older character sets, as plain text, HTML and both; every thirtieth with an image. All pages are made at once; then the
pages for one more letter, as after each posting, and for none. Beside it ezmlm-archive. Seconds are those of a single
run, memory is the highest of the process (VmHWM).
"""

from __future__ import annotations

import argparse
import base64
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from email.utils import formatdate

from bench.report import Row, publish

START_S = 1_640_000_000
AUTHORS = 400
SAMPLE = (
    "mail queue server letter archive delivery message remote local bounce alias domain header field client thread list"
    " reader answer question patch release version problem kernel network address filter table index number report"
    " working tested again already probably however please thanks regards because without between another something"
    " Grüße straße naïve façade Привет мир письмо список 漢字 変換 日本語 メール"
)
WORDS = SAMPLE.split()
SIGNATURE = "\n-- \n{name}\nhttps://www.example.org/~{name}/\n"


def image(chance: random.Random) -> bytes:
    """A small PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = 48
    colour = bytes(chance.randrange(256) for _ in range(3))
    rows = b"".join(
        b"\0" + b"".join(bytes((part * (x + y) // (2 * size)) for part in colour) for x in range(size))
        for y in range(size)
    )
    head = size.to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Writer:
    """Writes letters that could have come to a list."""

    def __init__(self, seed: int = 7) -> None:
        self._chance = random.Random(seed)
        self._threads: list[tuple[str, str, str]] = []  # subject, Message-ID and text of the last letter
        self._now = START_S

    def _text(self, lines: int) -> str:
        chance = self._chance
        said = [" ".join(chance.choices(WORDS, k=chance.randint(4, 13))) for _ in range(lines)]
        return "\n".join([line + (".\n" if chance.random() < 0.2 else "") for line in said])

    def letter(self, number: int) -> bytes:
        """The next one."""
        chance = self._chance
        self._now += chance.randint(60, 2 * 150_000_000 // 10_000)
        author = min(int(chance.expovariate(0.012)), AUTHORS - 1)
        name, own = f"Author {author}", f"<{number}.{author}@host{author}.example>"
        text, references = self._text(chance.randint(3, 30)), ""
        if self._threads and chance.random() < 0.72:
            place = -1 - min(int(chance.expovariate(0.2)), len(self._threads) - 1)
            subject, parent, old = self._threads.pop(place)
            quoted = "\n".join("> " + line for line in old.splitlines()[: chance.randint(3, 25)])
            text = f"On some day a{author}@host{author}.example wrote:\n{quoted}\n\n{text}"
            references = f"In-Reply-To: {parent}\nReferences: {parent}\n"
            shown = "Re: " + subject
        else:
            shown = subject = " ".join(chance.choices(WORDS, k=chance.randint(2, 7)))
        text += SIGNATURE.format(name=name.replace(" ", "-").lower())
        self._threads = [*self._threads[-40:], (subject, own, text)]
        head = (
            f"Return-Path: <a{author}@host{author}.example>\n"
            f"Received: (qmail {number} invoked from network); {formatdate(self._now)[5:-5]}-0000\n"
            f"From: {name} <a{author}@host{author}.example>\nDate: {formatdate(self._now - 20)}\n"
            f"Subject: {shown}\nMessage-ID: {own}\n{references}MIME-Version: 1.0\n"
        )
        return head.encode() + self._body(text, number)

    def _body(self, text: str, number: int) -> bytes:
        kind = number % 10
        page = "<html><body><p>" + text.replace("<", "&lt;").replace("\n", "<br>\n") + "</p></body></html>"
        if kind == 3:
            return b"Content-Type: text/html; charset=utf-8\n\n" + page.encode()
        if kind == 4:
            coded = base64.encodebytes(text.encode("koi8-r", "replace"))
            return b"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n" + coded
        both = f"Content-Type: multipart/alternative; boundary=b{number}\n\n--b{number}\n"
        if kind == 5:
            parts = f"Content-Type: text/plain; charset=utf-8\n\n{text}\n--b{number}\nContent-Type: text/html\n\n{page}"
            return f"{both}{parts}\n--b{number}--\n".encode()
        if number % 30 == 6:
            picture = base64.encodebytes(image(self._chance)).decode()
            named = f"Content-Type: image/png; name=picture{number}.png\nContent-Transfer-Encoding: base64\n"
            parts = f"Content-Type: text/plain; charset=utf-8\n\n{text}\n--b{number}\n{named}\n{picture}"
            return f"{both.replace('alternative', 'mixed')}{parts}--b{number}--\n".encode()
        return b"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + text.encode()


def fill(directory: str, letters: int, writer: Writer, first: int = 1) -> None:
    """A list's directory with an archive."""
    os.makedirs(f"{directory}/archive", exist_ok=True)
    for number in range(first, letters + 1):
        os.makedirs(f"{directory}/archive/{number // 100}", exist_ok=True)
        path = f"{directory}/archive/{number // 100}/{number % 100:02d}"
        with open(path, "wb") as stream:
            stream.write(writer.letter(number))
        os.chmod(path, 0o744)
    settings = {"num": f"{letters}:1", "outlocal": "friends", "outhost": "lists.example", "key": "k" * 64}
    for name, text in settings.items():
        with open(f"{directory}/{name}", "w") as stream:
            stream.write(text + "\n")


def timed(words: list[str]) -> tuple[float, float, float]:
    """Run a program of ours; its seconds, those of its own work, and its memory in MB."""
    code = (
        "import sys, importlib; sys.argv[0] = 'x'\n"
        "module = importlib.import_module(sys.argv[1])\n"
        "status = module.main([word.encode() for word in sys.argv[2:]], '/')\n"
        "text = open('/proc/self/status').read()\n"
        "print(next(line.split()[1] for line in text.splitlines() if line.startswith('VmHWM')))\n"
        "sys.exit(status)"
    )
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, own, int(ended.stdout) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--keep")
    read = parser.parse_args()
    top = tempfile.mkdtemp(prefix="qmtwist-bench-")
    place, out = f"{top}/list", read.keep or f"{top}/out"
    writer = Writer()
    fill(place, read.letters, writer)
    pages = ["qmtwist.cli.list.website", place, out]
    rows = [_row(f"qmtwist archive, {read.letters:,} letters", pages)]
    fill(place, read.letters + 1, writer, read.letters + 1)
    rows.append(_row("qmtwist archive, one more", pages))
    rows.append(_row("qmtwist archive, none", pages))
    rows.append(_row(f"ezmlm-archive, {read.letters:,} letters", ["qmtwist.cli.list.archive", place]))
    publish("Archive of a list", "a temporary directory", rows)
    shutil.rmtree(top)


def _row(what: str, words: list[str]) -> Row:
    seconds, own, memory = timed(words)
    return {"what": what, "seconds": seconds, "CPU seconds": own, "MB": memory}


if __name__ == "__main__":
    main()

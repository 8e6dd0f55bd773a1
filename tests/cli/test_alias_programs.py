"""dot-forward, fastforward and the programs that make their tables, run as programs."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.store import cdb
from tests.support.inject_home import RUN, TOP, Home

DELIVERY = {
    "SENDER": "s@x.y",
    "NEWSENDER": "n@x.y",
    "USER": "joe",
    "HOST": "h.d",
    "RECIPIENT": "joe@h.d",
    "UFLINE": "From s@x.y Thu Jan  1 00:00:00 1970\n",
    "RPLINE": "Return-Path: <s@x.y>\n",
    "DTLINE": "Delivered-To: joe@h.d\n",
}
WHY = "unterminated quote, literal or comment in address list"
TOP_LINES = DELIVERY["UFLINE"] + DELIVERY["RPLINE"] + DELIVERY["DTLINE"]
MESSAGE = "Subject: s\n\nbody\n"


class Place(Home):
    """A home whose `user` directory is where deliveries happen."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.user = path / "user"
        self.user.mkdir()
        (path / "text").write_text(MESSAGE)

    def write(self, name: str, text: str | bytes, mode: int = 0o644) -> Path:
        """A file of the user's."""
        path = self.user / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def read(self, name: str) -> str:
        """What a file of the user's holds."""
        return (self.user / name).read_text()

    def deliver(
        self, name: str, *words: str, text: str = "", before: Callable[[], None] | None = None, **environ: str
    ) -> tuple[int, str, str]:
        """Run a program there with the message, or other text: exit status, output, complaints."""
        queue = {"PATH": "/usr/bin:/bin", "HOME": str(self.user), "QMAILQUEUE": str(self.path / "recorder")}
        (self.path / "input").write_text(text or MESSAGE)
        with open(self.path / "input", "rb") as stream:
            ended = subprocess.run(
                [sys.executable, "-IS", "-c", RUN.format(top=TOP, name=name, home=str(self.path)), *words],
                stdin=stream, capture_output=True, text=True, cwd=self.user, env={**queue, **DELIVERY, **environ},
                timeout=60, preexec_fn=before,
            )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr

    def forwarded(self) -> tuple[str, str] | None:
        """Envelope and message that reached the queue since the last look."""
        queued = self.queued()
        if queued is None:
            return None
        (self.path / "envelope").unlink()
        return queued[0].decode(), queued[1].decode()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_an_address_in_a_forward_file_gets_the_message(place: Place) -> None:
    place.write(".forward", "fred, \\joe\n")
    status, _, said = place.deliver("dot-forward", ".forward")
    assert (status, said.split()[:3]) == (0, ["dot-forward:", "info:", "qp"])
    assert place.forwarded() == ("Fn@x.y\0Tfred@me.example\0\0", DELIVERY["DTLINE"] + MESSAGE)


def test_a_late_mistake_finds_no_program_started(place: Place) -> None:
    place.write(".forward", '"|echo ran >>ran"\nfred (\n')
    assert place.deliver("dot-forward", ".forward")[0] == 111
    assert not (place.user / "ran").exists()


def test_a_mailbox_file_is_made_and_appended_to(place: Place) -> None:
    place.write(".forward", f"{place.user}/saved\n")
    for _ in range(2):
        assert place.deliver("dot-forward", ".forward") == (99, "", "")
    assert place.read("saved") == 2 * (TOP_LINES + MESSAGE + "\n")
    assert stat.S_IMODE((place.user / "saved").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "file", ["{top}/elsewhere", "{top}/user/../elsewhere", "{top}/user/none/x", "{top}/user", "/dev/null"]
)
def test_a_file_elsewhere_is_refused_before_anything_is_done(place: Place, file: str) -> None:
    name = file.format(top=place.path)
    place.write(".forward", f'"|touch ran"\n{name}\n')
    ended = place.deliver("dot-forward", ".forward")
    assert ended == (111, "", f"dot-forward: fatal: file delivery {name} not supported\n")
    assert not (place.user / "ran").exists() and not (place.path / "elsewhere").exists()


def test_a_list_is_included_and_one_that_everybody_may_write_is_not(place: Place) -> None:
    path = place.write("list", "a@b.c\nd@e.f\n")
    place.write(".forward", f":include:{path}, :include:list\n")
    assert place.deliver("dot-forward", ".forward")[0] == 99
    twice = "Ta@b.c\0Td@e.f\0" * 2  # two names for one file
    assert place.forwarded() == (f"Fn@x.y\0{twice}\0", DELIVERY["DTLINE"] + MESSAGE)
    path.chmod(0o666)
    status, _, said = place.deliver("dot-forward", ".forward")
    assert (status, said) == (111, "dot-forward: fatal: list is world-writable\n")


def test_a_program_that_succeeded_is_not_run_again(place: Place) -> None:
    """It is known where a later program failed for now; and when the delivery is over, it is forgotten."""
    place.write(".forward", '"|cat >>first; echo >>count"\n"|test -f go || exit 75"\nfred\n')
    for _ in range(2):
        assert place.deliver("dot-forward", ".forward")[0] == 111
    assert (place.read("count"), place.forwarded()) == ("\n", None)
    place.write("go", "")
    assert place.deliver("dot-forward", ".forward")[0] == 99
    assert place.read("count") == "\n" and place.forwarded() is not None
    assert not (place.user / ".qmtwist-ran").exists()
    assert place.deliver("dot-forward", ".forward")[0] == 99
    assert place.read("count") == "\n\n"


def test_a_program_is_not_run_again_when_the_queue_was_full(place: Place) -> None:
    place.write(".forward", '"|echo >>count"\nfred\n')
    place.queue(53)
    assert place.deliver("dot-forward", ".forward")[0] == 111
    place.queue(0)
    assert place.deliver("dot-forward", ".forward")[0] == 99
    assert place.read("count") == "\n"


def test_another_message_runs_it(place: Place) -> None:
    place.write(".forward", '"|echo >>count"\n"|exit 75"\n')
    for text in ("one\n", "two\n", "one\n"):
        assert place.deliver("dot-forward", ".forward", text=text)[0] == 111
    assert place.read("count") == "\n\n"


def test_what_cannot_be_noted_is_no_error(place: Place) -> None:
    place.write(".forward", '"|echo >>count"\n"|exit 75"\n')
    place.write(".qmtwist-ran", "in the way")
    assert place.deliver("dot-forward", ".forward") == (111, "", "")
    assert place.deliver("dot-forward", ".forward") == (111, "", "")
    assert place.read("count") == "\n\n"


def test_old_notes_go(place: Place) -> None:
    place.write(".forward", '"|true"\n"|exit 75"\n')
    (place.user / ".qmtwist-ran").mkdir()
    old = place.write(".qmtwist-ran/old", "x")
    os.utime(old, (1, 1))
    assert place.deliver("dot-forward", ".forward")[0] == 111
    assert not old.exists() and len(os.listdir(place.user / ".qmtwist-ran")) == 1


def test_a_mistake_in_aliases_is_told_with_its_place(place: Place) -> None:
    path = place.write("aliases", "a: b\n# c\n\nd: e,\n f (\n")
    (place.user / "aliases.cdb").write_bytes(b"old")
    status, _, said = place.deliver("newaliases", str(path))
    assert status == 111
    assert said == f"newaliases: fatal: unable to parse this line: d: e,\n f (\n\nnewaliases: {path}:4: {WHY}\n"
    assert (place.user / "aliases.cdb").read_bytes() == b"old"


def test_a_mistake_in_a_list_is_told_with_its_place(place: Place) -> None:
    place.write("list", "a@b.c\n/x\n")
    assert place.deliver("newinclude", "list") == (
        111, "", "newinclude: fatal: file delivery /x not supported\nnewinclude: list:2: here\n",
    )  # fmt: skip


def test_a_list_that_newinclude_was_not_run_for_is_told(place: Place) -> None:
    path = place.write("list", "m@x.y\n")
    aliases = place.write("aliases", f"l: :include:{path}\n")
    warning = f"newaliases: warning: line 1: {path}.bin is missing or old: run newinclude {path}\n"
    assert place.deliver("newaliases", str(aliases)) == (0, "", warning)
    assert place.deliver("newinclude", str(path)) == (0, "", "")
    assert place.deliver("newaliases", str(aliases)) == (0, "", "")


def test_a_very_long_mistake_is_not_shown_whole(place: Place) -> None:
    aliases = place.write("aliases", "a: (" + "x" * 10_000_000)
    status, _, said = place.deliver("newaliases", str(aliases))
    assert (
        status == 111 and said.startswith("newaliases: fatal: unable to parse this line: a: (xxx") and len(said) < 3000
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [("b:\n", "nobody is to get its mail"), ("<>: joe\n", "here"), ('"|x"\n', "it does not begin with a name")],
)
def test_what_is_wrong_with_an_entry_is_said(place: Place, text: str, why: str) -> None:
    aliases = place.write("aliases", f"# first\n{text}")
    status, _, said = place.deliver("newaliases", str(aliases))
    assert (status, said.splitlines()[-1]) == (111, f"newaliases: {aliases}:2: {why}")


@pytest.mark.parametrize("name", ["newaliases", "newinclude"])
def test_too_little_memory_is_said_in_a_line(place: Place, name: str) -> None:
    path = place.write("list", "a: " + "b, " * 900_000 + "\n")
    limit = 100 << 20
    ended = place.deliver(name, str(path), before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
    assert ended == (111, "", f"{name}: fatal: out of memory\n")
    assert not (place.user / "list.cdb").exists() and not (place.user / "list.bin").exists()


def test_aliases_from_text_to_delivery(place: Place) -> None:
    place.write("staff", "ann@there.example, bob\n")
    text = 'Team: :include:staff, "|cat >log"\n@virt: x@y.z\nowner-team: boss\n'
    aliases = place.write("aliases", text.replace("staff", f"{place.user}/staff"))
    assert place.deliver("newinclude", "staff")[0] == place.deliver("newaliases", str(aliases))[0] == 0
    assert place.deliver("fastforward", "-d", "aliases.cdb", DEFAULT="team")[0] == 0
    assert place.read("log") == TOP_LINES + MESSAGE
    assert place.forwarded() == (
        "Fowner-team@me.example\0Tbob@me.example\0Tann@there.example\0\0", DELIVERY["DTLINE"] + MESSAGE,
    )  # fmt: skip
    assert place.deliver("fastforward", "-p", "aliases.cdb", RECIPIENT="any@VIRT")[0] == 99
    assert place.forwarded() == ("Fs@x.y\0Tx@y.z\0\0", DELIVERY["DTLINE"] + MESSAGE)


def test_aliases_that_name_only_each_other_bounce(place: Place) -> None:
    assert place.deliver("setforward", "t.cdb", "t.tmp", text="joe@h.d: ann@h.d; ann@h.d: joe@h.d;") == (0, "", "")
    status, _, said = place.deliver("fastforward", "t.cdb")
    assert (status, said) == (100, "Sorry, the aliases of this address lead nowhere but to each other. (#5.4.6)\n")


def test_no_program_is_run_when_a_list_is_missing(place: Place) -> None:
    place.deliver("setforward", "t.cdb", "t.tmp", text="joe@h.d: |touch ran, ./none.bin;")
    status, _, said = place.deliver("fastforward", "t.cdb")
    assert (status, said) == (111, "fastforward: fatal: unable to read ./none.bin: file does not exist\n")
    assert not (place.user / "ran").exists()


def test_a_list_that_is_no_list_defers(place: Place) -> None:
    place.deliver("setforward", "t.cdb", "t.tmp", text="joe@h.d: ./l.bin; ann@h.d: ./f.bin;")
    place.write("l.bin", "&a@b.c\0&d@e.f")
    assert place.deliver("fastforward", "t.cdb")[0] == 111
    os.mkfifo(place.user / "f.bin", 0o666)
    os.chmod(place.user / "f.bin", 0o666)
    assert (
        place.deliver("fastforward", "t.cdb", RECIPIENT="ann@h.d")[2] == "fastforward: fatal: ./f.bin is not a file\n"
    )


def test_a_damaged_table_defers(place: Place) -> None:
    place.write("t.cdb", b"\xff" * 2048)
    status, _, said = place.deliver("fastforward", "t.cdb")
    assert (status, said) == (111, "fastforward: fatal: unable to read t.cdb: bad database format\n")


def test_a_table_is_printed_as_it_was_made(place: Place) -> None:
    text = "a\\:b@h:\n, &c d@e\n, |x y\n;\nl@h: ?o@h;\n".replace("c d", "c\\ d").replace("x y", "x\\ y")
    assert place.deliver("setforward", "t.cdb", "t.tmp", text=text)[0] == 0
    home = place.run("printforward", message=(place.user / "t.cdb").read_bytes())
    assert home == (0, text.encode(), b"")


def test_newaliases_replaces_in_one_step_and_with_the_right_mode(place: Place) -> None:
    aliases = place.write("aliases", "a: b")
    assert place.deliver("newaliases", str(aliases))[0] == 0
    assert stat.S_IMODE((place.user / "aliases.cdb").stat().st_mode) == 0o644
    assert not (place.user / "aliases.tmp").exists()


@pytest.mark.parametrize("words", [("-x",), ("a", "b")])
def test_newaliases_called_wrongly(place: Place, words: tuple[str, ...]) -> None:
    assert place.deliver("newaliases", *words) == (100, "", "newaliases: usage: newaliases [ file ]\n")


def test_one_alias_of_many_is_found_without_reading_them_all(place: Place) -> None:
    """A sparse gigabyte between the records and their tables takes no time and no memory."""
    data = cdb.encode([(b":u7@", b"&p@x.y\0")])
    end, gap = int.from_bytes(data[:4], "little"), 1 << 30
    header = b"".join(
        (int.from_bytes(data[at : at + 4], "little") + gap).to_bytes(4, "little") + data[at + 4 : at + 8]
        for at in range(0, 2048, 8)
    )
    with open(place.user / "t.cdb", "wb") as stream:
        stream.write(header + data[2048:end])
        stream.seek(end + gap)
        stream.write(data[end:])
    limit = 512 << 20
    ended = place.deliver(
        "fastforward",
        "-n",
        "t.cdb",
        RECIPIENT="u7@a.b",
        before=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert ended == (0, "", "from <s@x.y>\nto <p@x.y>\n")


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_a_table_that_finds_no_room_leaves_the_old_one(place: Place) -> None:
    aliases = place.write("aliases", "a: b\n")
    (place.user / "aliases.cdb").write_bytes(b"old")
    status, _, said = place.deliver("newaliases", str(aliases), before=no_room)
    assert (status, said) == (111, f"newaliases: fatal: unable to write to {aliases}.tmp: file too big\n")
    assert (place.user / "aliases.cdb").read_bytes() == b"old"

"""cli/inside: a program of ours in the process of a delivery does what it does behind the shell and a new Python."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.local.program import STOPPED, Programs, Ran
from qmtwist.cli.control.launchers import write_launchers
from qmtwist.cli.filter import preline
from qmtwist.cli.inside import FIT, Inside
from tests.support.filterhome import MESSAGE, FilterHome

# Everything that a process inherits, but for what differs between any two.
_LOOK = r"""#!/bin/sh
cat >seen # up to the end: then preline has closed its pipe
pwd -P; umask; ulimit -a; env | sort
set -- $(sed 's/.*) //' /proc/$PPID/stat)
echo leader $(($3 == PPID)) $(($4 == PPID))
grep -hE '^(Sig(Blk|Ign)|Groups|Uid|Gid)' /proc/self/status /proc/$PPID/status
for number in /proc/self/fd/* /proc/$PPID/fd/*; do echo "${number##*/}" $(readlink $number | sed 's/[0-9]*//g'); done
echo word; echo error >&2
cat seen
[ -e code ] && exit $(cat code)
tr '\0' ' ' </proc/$PPID/cmdline >parent
"""
SIGNALS = ("HUP", "INT", "TERM", "PIPE", "XFSZ", "CHLD", "USR1")
_IMPORTS = """
import os, sys
from qmtwist.agents.local import agent
from qmtwist.cli import inside
inside.load_programs()
before = set(sys.modules)
inside.leave = lambda work: print(work(), flush=True)
inside._run(sys.argv[2], [os.fsencode(word) for word in sys.argv[3:]], dict(os.environb), sys.argv[1])
print("imported:", *(name for name in sys.modules if name.startswith("qmtwist.") and name not in before))
"""
LINES = """
preline ./look
preline -f ./look
preline  -d\tcat
preline ./absent
preline
preline -x
preline ./notexec
preline ./dies
preline ./script
preline ./hup
preline ./int
preline ./term
preline ./pipe
preline ./xfsz
preline ./chld
preline ./usr1
preline --help
except ./look
except false
except ./dies
except
except except preline ./look
condredirect b@far.example ./look
condredirect b@far.example false
condredirect b@far.example iftocc joe@host.example
condredirect b@far.example ./dies
bouncesaying no
bouncesaying no ./look
bouncesaying no false
bouncesaying
forward
forward b@far.example c@far.example
forward --help
iftocc joe@host.example
iftocc
dot-forward absent
dot-forward .forward
dot-forward -n .forward
dot-forward .looks
dot-forward -x
fastforward absent.cdb
fastforward
qreceipt joe@host.example
qreceipt
qbiff
qmail-procmail
vacation joe
vacation -d joe
vacation -q
"""


class Stage:
    """A user's home, and one command after another in it, with the shell or without."""

    def __init__(self, directory: Path) -> None:
        self.place = FilterHome(directory)
        self.home, self.user = self.place.home, self.place.user
        write_launchers(str(self.home), sys.executable)
        self.inside = Inside(str(self.home))
        self.environ = {os.fsencode(name): os.fsencode(value) for name, value in self.place.environ.items()}
        for name, text in (
            ("look", _LOOK),
            ("dies", "#!/bin/sh\nkill -9 $$\n"),
            ("script", "echo script; exit 3\n"),
            *((name.lower(), f"#!/bin/sh\nkill -{name} $PPID\n") for name in SIGNALS),
        ):
            (self.user / name).write_text(text)
            (self.user / name).chmod(0o755)
        (self.user / "notexec").write_text("#!/bin/sh\n")
        (self.user / ".forward").write_text("b@far.example\n")
        (self.user / ".looks").write_text('"|./look"\nb@far.example\n')
        (self.user / "message").write_bytes(MESSAGE)

    def run(
        self, command: str, is_inside: bool, limit_s: float | None = None, programs: Programs | None = None
    ) -> tuple[Ran, bytes]:
        """How it ended, and what it said. Whether a shell stays in front of its last command is the shell's affair."""
        if not is_inside:
            command = "exec " + command
        message = os.open(self.user / "message", os.O_RDONLY)
        report = os.open(self.user / "report", os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            programs = programs or Programs(self.inside.find if is_inside else None)
            ran = programs.run(
                os.fsencode(command), os.fsencode(self.user), self.environ, message, report, report, limit_s
            )
        finally:
            os.close(message)
            os.close(report)
        return ran, (self.user / "report").read_bytes()

    def letters(self) -> list[tuple[bytes, bytes, list[bytes]]]:
        """What was queued."""
        return sorted((letter.message, letter.sender, letter.recipients) for letter in self.place.queued)

    def is_found(self, command: str, **changes: bytes) -> bool:
        """Whether the shell is not needed."""
        environ = self.environ | {name.encode(): value for name, value in changes.items()}
        return self.inside.find(command.encode().split(), environ) is not None


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    yield Stage(tmp_path)


def without_numbers(said: bytes) -> bytes:
    """Queue ids are process ids, and differ."""
    return re.sub(rb"qp [0-9]+", b"qp", said)


@pytest.mark.parametrize("command", LINES.strip().split("\n"))
def test_a_program_does_the_same_in_the_process_of_the_delivery(stage: Stage, command: str) -> None:
    ran, said = stage.run(command, is_inside=False)
    first = stage.letters()
    inside = stage.run(command, is_inside=True)
    assert (inside[0], without_numbers(inside[1])) == (ran, without_numbers(said))
    assert stage.letters() == sorted(first * 2)


@pytest.mark.parametrize("code", [0, 1, 64, 99, 100, 111, 255])
@pytest.mark.parametrize("command", ["preline ./look", "except ./look", "dot-forward .looks"])
def test_exit_codes_are_the_same(stage: Stage, command: str, code: int) -> None:
    (stage.user / "code").write_text(f"{code}\n")
    ran, said = stage.run(command, is_inside=False)
    inside = stage.run(command, is_inside=True)
    assert (inside[0], without_numbers(inside[1])) == (ran, without_numbers(said))


@pytest.mark.parametrize(
    "changes", [{"LC_ALL": "C"}, {"LC_ALL": "", "LANG": "POSIX"}, {"LANG": "xx_YY"}, {"LANG": "C.UTF-8"}, {"TZ": "UTC"}]
)
def test_locale_and_time_zone_reach_a_program_alike(stage: Stage, changes: dict[str, str]) -> None:
    stage.environ |= {name.encode(): value.encode() for name, value in changes.items()}
    shell = stage.run("preline ./look", is_inside=False)
    assert b"LC_CTYPE" in shell[1] or changes.get("LC_ALL") or "UTF-8" in changes.get("LANG", "")
    assert stage.run("preline ./look", is_inside=True) == shell


def test_it_is_the_process_of_the_delivery(stage: Stage) -> None:
    stage.run("preline ./look", is_inside=False)
    assert "/bin/preline ./look" in (stage.user / "parent").read_text()
    stage.run("preline ./look", is_inside=True)
    assert "preline" not in (stage.user / "parent").read_text()


@pytest.mark.parametrize("is_inside", [False, True])
def test_its_time_is_limited_and_its_children_end_with_it(stage: Stage, is_inside: bool) -> None:
    (stage.user / "sleeps").write_text("#!/bin/sh\necho $$\nexec sleep 1000\n")
    (stage.user / "sleeps").chmod(0o755)
    ran, said = stage.run("preline ./sleeps", is_inside, limit_s=1.0)
    assert ran == Ran(111, b"Program was stopped after 1 seconds. (#4.3.0)")
    deadline = time.monotonic() + 10
    while Path(f"/proc/{int(said)}/status").exists():
        if "zombie" in Path(f"/proc/{int(said)}/status").read_text():
            break
        assert time.monotonic() < deadline


@pytest.mark.parametrize("is_inside", [False, True])
def test_a_stop_ends_it(stage: Stage, is_inside: bool) -> None:
    (stage.user / "stops").write_text(f"#!/bin/sh\nkill -USR2 {os.getpid()}\nexec sleep 1000\n")
    (stage.user / "stops").chmod(0o755)
    programs = Programs(stage.inside.find if is_inside else None)
    old = signal.signal(signal.SIGUSR2, lambda *_: programs.stop())
    try:
        assert stage.run("preline ./stops", is_inside, programs=programs)[0] == Ran(111, STOPPED)
    finally:
        signal.signal(signal.SIGUSR2, old)


def test_a_bug_is_reported_and_the_message_waits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def main(arguments: list[bytes], home: str) -> int:
        raise ValueError("a bug")

    monkeypatch.setattr(preline, "main", main)
    ran, said = stage.run("preline cat", is_inside=True)
    assert ran == Ran(111, b"")
    assert said.startswith(b"Traceback") and said.endswith(b"ValueError: a bug\n")


@pytest.mark.parametrize("name", FIT)
def test_programs_are_found_along_the_path_and_by_their_own(stage: Stage, name: str) -> None:
    assert stage.is_found(f"{name} word")
    assert stage.is_found(f"{stage.home}/bin/{name}")
    assert not stage.is_found(f"{name} --help")


@pytest.mark.parametrize("command", ["preline cat", "forward b@far.example", "dot-forward .forward", "except false"])
def test_the_server_has_loaded_all_that_is_usually_needed(stage: Stage, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _IMPORTS, str(stage.home), *command.split()],
        env=stage.place.environ | {"PYTHONPATH": os.getcwd()}, cwd=stage.user, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == b"imported:"


def test_what_comes_first_on_the_path_is_what_is_run(stage: Stage, tmp_path: Path) -> None:
    path = stage.environ[b"PATH"]
    other = tmp_path / "other"
    assert stage.is_found("preline cat", PATH=os.fsencode(other) + b":" + path)
    other.mkdir()
    assert stage.is_found("preline cat", PATH=os.fsencode(other) + b":" + path)
    (other / "preline").write_text("#!/bin/sh\nexit 99\n")
    assert not stage.is_found("preline cat", PATH=os.fsencode(other) + b":" + path)
    assert stage.is_found("preline cat", PATH=path + b":" + os.fsencode(other))


@pytest.mark.parametrize("path", [b"", b":/bin", b"bin", b"./bin", b"/x%func", b"/dev/null"])
def test_an_unusual_path_is_left_to_the_shell(stage: Stage, path: bytes) -> None:
    assert not stage.is_found("preline cat", PATH=path + b":" + stage.environ[b"PATH"])


def test_another_program_in_the_place_of_ours_is_run(stage: Stage) -> None:
    launcher = stage.home / "bin" / "preline"
    text = launcher.read_text()
    launcher.write_text('#!/bin/sh\necho other "$@"\nexit 99\n')
    assert not stage.is_found("preline cat")
    assert stage.run("preline cat", is_inside=True) == (Ran(99, b""), b"other cat\n")
    launcher.write_text(text.replace("import sys", "import sys; sys.exit(99)"))
    assert not stage.is_found("preline cat")
    launcher.write_text(text.replace(str(stage.home), str(stage.user)))
    assert not stage.is_found("preline cat")
    launcher.write_text(text)
    assert stage.is_found("preline cat")
    launcher.chmod(0o644)
    assert not stage.is_found("preline cat")


@pytest.mark.parametrize("command", ["cat", "qmail-inject a@b", "sendmail a@b", "./preline cat", "bin/preline cat"])
def test_other_programs_are_left_to_the_shell(stage: Stage, command: str) -> None:
    assert not stage.is_found(command)


def test_an_environment_that_no_program_could_have_is_left_to_the_shell(stage: Stage) -> None:
    assert not stage.is_found("preline cat", EXT=b"a\0b")
    assert not stage.is_found("preline cat", EXT=b"a" * 100_000)

"""qmail-popup, qmtwist-checkpassword and qmail-pop3d in a row, as an administrator starts them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.control.passwords import set_password
from qmtwist.rules.users import assign_records
from qmtwist.store import cdb
from tests.support.daemon import mail_owner
from tests.support.mailboxes import make_maildir

LIMIT_S = 60
pytestmark = pytest.mark.system


class Chain:
    """A home with the programs, and joe with a password and a maildir."""

    def __init__(self, directory: str) -> None:
        self.home = f"{directory}/home"
        self.joe = Path(directory) / "joe"
        self.uid, self.gid = mail_owner()
        os.makedirs(f"{self.home}/users")
        os.chmod(self.home, 0o755)
        write_launchers(self.home, sys.executable)
        make_maildir(self.joe / "Maildir", {"new/1000.a": b"Subject: one\n\n.dot\n", "new/1001.b": b"two\n"})
        for path in [self.joe, *self.joe.rglob("*")]:
            os.chown(path, self.uid, self.gid)
        self.assign(b"=joe:joe:%d:%d:%s:::\n" % (self.uid, self.gid, os.fsencode(self.joe)))
        set_password(self.home, b"joe", b"secret")

    def assign(self, line: bytes) -> None:
        """users/cdb with one assignment."""
        with open(f"{self.home}/users/cdb", "wb") as stream:
            stream.write(cdb.encode(assign_records([line, b".\n"])))

    def program(self, name: str) -> str:
        return f"{self.home}/bin/{name}"

    def files(self) -> list[str]:
        maildir = self.joe / "Maildir"
        return sorted(f"{room}/{name}" for room in ("new", "cur") for name in os.listdir(maildir / room))

    def talk(self, sent: bytes, *command: str, cwd: str = "/", **options: object) -> tuple[bytes, int]:
        """What the programs answer to everything sent at once, and the exit status."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = subprocess.Popen(command, stdin=theirs, stdout=theirs, cwd=cwd, **options)
            ours.settimeout(LIMIT_S)
            ours.sendall(sent)
            ours.shutdown(socket.SHUT_WR)
            answers = b""
            with contextlib.suppress(ConnectionResetError):
                while data := ours.recv(65536):
                    answers += data
        return answers, process.wait(LIMIT_S)

    def session(self, sent: bytes) -> tuple[bytes, int]:
        """A session with the whole chain; the greeting is checked and left out."""
        answers, status = self.talk(
            sent, self.program("qmail-popup"), "pop.example.org", self.program("qmtwist-checkpassword"),
            self.program("qmail-pop3d"), "Maildir",
        )  # fmt: skip
        greeting, _, rest = answers.partition(b"\r\n")
        assert greeting.startswith(b"+OK <") and greeting.endswith(b"@pop.example.org>")
        return rest, status


@pytest.fixture
def chain(open_directory: str) -> Iterator[Chain]:
    yield Chain(open_directory)


def test_a_whole_session_even_if_all_is_sent_at_once(chain: Chain) -> None:
    answers, status = chain.session(b"USER joe\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nDELE 2\r\nQUIT\r\n")
    assert answers == (b"+OK \r\n+OK \r\n+OK 2 23\r\n+OK \r\nSubject: one\r\n\r\n..dot\r\n\r\n.\r\n+OK \r\n+OK \r\n")
    assert status == 1
    assert chain.files() == ["cur/1000.a:2,"]
    assert os.stat(chain.joe / "Maildir/cur/1000.a:2,").st_uid == chain.uid


def test_without_quit_nothing_changes(chain: Chain) -> None:
    answers, _ = chain.session(b"USER joe\r\nPASS secret\r\nDELE 1\r\n")
    assert answers == b"+OK \r\n+OK \r\n+OK \r\n"
    assert chain.files() == ["new/1000.a", "new/1001.b"]


@pytest.mark.parametrize(
    "login", [b"USER joe\r\nPASS wrong\r\n", b"USER ann\r\nPASS secret\r\n", b"APOP joe secret2\r\n"]
)
def test_whoever_is_not_known_is_refused_and_what_was_pipelined_is_not_obeyed(chain: Chain, login: bytes) -> None:
    answers, status = chain.session(login + b"DELE 1\r\nQUIT\r\n")
    assert answers.endswith(b"-ERR authorization failed\r\n")
    assert status == 1
    assert chain.files() == ["new/1000.a", "new/1001.b"]


def check(chain: Chain, record: bytes | None, *command: str) -> tuple[int, bytes]:
    """Exit status and output of qmtwist-checkpassword; `record` None: descriptor 3 is closed."""
    path = Path(chain.home, "record")
    path.write_bytes(record or b"")
    redirection = "3<&-" if record is None else f"3<{path}"
    words = ["sh", "-c", f'exec "$@" {redirection}', "sh", chain.program("qmtwist-checkpassword"), *command]
    ended = subprocess.run(words, stdout=subprocess.PIPE, check=False, timeout=LIMIT_S)
    return ended.returncode, ended.stdout


def test_checkpassword_becomes_the_user_in_his_home_and_runs_the_program(chain: Chain) -> None:
    script = 'echo "$USER|$HOME|$SHELL|$PWD|$(id -u)|$(id -g)|$(id -G)|$1"; test ! -e /proc/self/fd/3'
    status, output = check(chain, b"joe\0secret\0<1.2@h>\0more is ignored", "sh", "-c", script, "sh", "an argument")
    home = os.fsencode(chain.joe)
    groups = b"%d" % chain.gid if os.geteuid() == 0 else b" ".join(b"%d" % group for group in _groups())
    assert output == b"joe|%s|/bin/sh|%s|%d|%d|%s|an argument\n" % (home, home, chain.uid, chain.gid, groups)
    assert status == 0


def _groups() -> list[int]:
    return list(dict.fromkeys([os.getegid(), *os.getgroups()]))


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (b"joe\0wrong\0t\0", 1),
        (b"JOE\0secret\0t\0", 1),
        (b"nobody\0secret\0t\0", 1),
        (b"joe\0secret\0t", 2),
        (b"", 2),
        (None, 2),
        (b"joe\0secret\0t\0" + b"x" * 499, 0),
        (b"joe\0secret\0t\0" + b"x" * 500, 1),
    ],
)
def test_checkpasswords_exit_status(chain: Chain, record: bytes | None, status: int) -> None:
    assert check(chain, record, "true") == (status, b"")


def test_checkpassword_without_a_program_is_misused(chain: Chain) -> None:
    assert check(chain, b"joe\0secret\0t\0") == (2, b"")


def test_checkpassword_can_only_say_later_when_it_cannot_read_the_passwords(chain: Chain) -> None:
    os.unlink(f"{chain.home}/users/passwords")
    os.mkdir(f"{chain.home}/users/passwords")
    assert check(chain, b"joe\0secret\0t\0", "true") == (111, b"")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_password_left_of_somebody_who_is_gone_opens_no_other_mailbox(chain: Chain) -> None:
    chain.assign(b"+:alias:%d:%d:%s:-::\n" % (chain.uid, chain.gid, os.fsencode(chain.joe)))
    set_password(chain.home, b"gone", b"secret")
    assert check(chain, b"gone\0secret\0t\0", "true") == (1, b"")


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_pop3d_does_nothing_as_root(chain: Chain) -> None:
    ended = subprocess.run(
        [chain.program("qmail-pop3d"), "Maildir"], cwd=chain.joe, input=b"QUIT\r\n", capture_output=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr == b"qmail-pop3d invoked as uid 0, terminating\n"


def test_passwd_sets_and_removes_a_password(chain: Chain) -> None:
    code = "import sys; from qmtwist.cli.control.passwd import main; "
    code += "sys.exit(main([word.encode() for word in sys.argv[1:]], '/nowhere'))"
    words = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def passwd(*arguments: str, text: bytes = b"") -> tuple[int, bytes, bytes]:
        ended = subprocess.run([*words, *arguments], input=text, capture_output=True, env=environment, check=False)
        return ended.returncode, ended.stdout, ended.stderr

    assert passwd("--home", chain.home, "--stdin", "joe", text=b"new secret\n") == (0, b"password of joe set\n", b"")
    assert check(chain, b"joe\0new secret\0t\0", "true")[0] == 0
    assert check(chain, b"joe\0secret\0t\0", "true")[0] == 1
    assert passwd(f"--home={chain.home}", "--delete", "joe")[0] == 0
    assert check(chain, b"joe\0new secret\0t\0", "true")[0] == 1
    assert passwd("--home", chain.home, "--delete", "joe")[0] == 100
    assert passwd("--home", chain.home, "--stdin", "joe", text=b"\n")[0] == 100
    assert passwd("--home", chain.home)[0] == 100
    assert passwd("--stdin", "joe", text=b"x\n")[0] == 111

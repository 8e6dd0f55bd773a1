"""The POP3 service on a real socket, with a real client library and a mailbox process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import os
import poplib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.control.passwords import set_password
from tests.support.mailboxes import make_maildir

TOP = Path(__file__).parents[2]
LIMIT_S = 60
MESSAGES = {"new/1000.a": b"Subject: one\n\n.dot\n", "cur/1001.b:2,S": b"Subject: two\n\nbody\nmore\n"}

pytestmark = pytest.mark.system


class Served:
    """The service of one home, and what it logged."""

    def __init__(self, home: Path, *checkpassword: str) -> None:
        self.home = home
        self.maildir = home / "people/joe/Maildir"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.pop3_server", str(home), *checkpassword],
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def client(self) -> poplib.POP3:
        return poplib.POP3("127.0.0.1", self.port, timeout=LIMIT_S)

    def entered(self) -> poplib.POP3:
        client = self.client()
        client.user("joe")
        client.pass_("secret")
        return client

    def files(self) -> list[str]:
        return sorted(f"{room}/{name}" for room in ("new", "cur") for name in os.listdir(self.maildir / room))

    def stop(self) -> str:
        """The log."""
        log, _ = self._process.communicate("", timeout=LIMIT_S)
        assert self._process.returncode == 0
        return log


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "users").mkdir()
    set_password(str(tmp_path), b"joe", b"secret")
    make_maildir(tmp_path / "people/joe/Maildir", MESSAGES)
    return tmp_path


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    service = Served(home)
    yield service
    service.stop()


def test_poplib_reads_deletes_and_leaves(served: Served) -> None:
    client = served.entered()
    assert client.stat() == (2, 50)
    assert client.list()[1] == [b"1 22", b"2 28"]
    assert client.uidl()[1] == [b"1 1000.a", b"2 1001.b"]
    assert client.uidl(2) == b"+OK 2 1001.b"
    assert client.retr(1) == (b"+OK ", [b"Subject: one", b"", b".dot"], 22)
    assert client.top(2, 1)[1] == [b"Subject: two", b"", b"body"]
    capabilities = client.capa()
    assert {"TOP", "UIDL", "USER", "RESP-CODES", "PIPELINING", "EXPIRE", "IMPLEMENTATION"} <= set(capabilities)
    client.dele(2)
    assert client.stat() == (1, 22)
    client.rset()
    client.dele(1)
    assert len(served.files()) == 2
    client.quit()
    assert served.files() == ["cur/1001.b:2,S"]


def test_a_connection_cut_off_changes_nothing(served: Served) -> None:
    client = served.entered()
    client.dele(1)
    client.close()
    again = served.entered()
    assert again.stat()[0] == 2
    assert served.files() == ["cur/1001.b:2,S", "new/1000.a"]
    again.close()


def test_a_wrong_password_is_refused_and_the_right_one_still_works(served: Served) -> None:
    client = served.client()
    client.user("joe")
    with pytest.raises(poplib.error_proto, match="-ERR authorization failed"):
        client.pass_("wrong")
    client.user("joe")
    client.pass_("secret")
    client.quit()
    log = served.stop()
    assert "refused joe: authorization failed" in log
    assert "closed: quit, joe, 0 retrieved, 0 deleted" in log
    assert "wrong" not in log and "secret" not in log


def test_a_message_of_many_megabytes_comes_whole(served: Served) -> None:
    line = b"." + b"x" * 70
    (served.maildir / "new/9999.big").write_bytes((line + b"\n") * 100_000)
    client = served.entered()
    _, lines, _ = client.retr(3)
    assert len(lines) == 100_000
    assert set(lines) == {line}
    client.quit()


def test_everything_pipelined_in_one_write_is_answered_in_order(served: Served) -> None:
    client = served.client()
    client.sock.sendall(b"USER joe\r\nPASS secret\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nRETR 2\r\nFOO\r\nQUIT\r\n")
    with client.sock.makefile("rb") as stream:
        assert stream.read() == (
            b"+OK \r\n+OK \r\n+OK 2 50\r\n+OK \r\nSubject: one\r\n\r\n..dot\r\n.\r\n+OK \r\n"
            b"+OK \r\nSubject: two\r\n\r\nbody\r\nmore\r\n.\r\n-ERR unimplemented\r\n+OK \r\n"
        )
    client.close()


def test_many_clients_at_once_empty_one_mailbox_without_losing_or_repeating_a_failure(served: Served) -> None:
    make_maildir(served.maildir, {f"new/{number:04}": b"%d\n" % number for number in range(100)})
    trouble: list[Exception] = []

    def empty() -> None:
        try:
            client = served.entered()
            for number in range(1, client.stat()[0] + 1):
                with contextlib.suppress(poplib.error_proto):  # gone already
                    client.retr(number)
                client.dele(number)
            client.quit()
        except Exception as error:
            trouble.append(error)

    threads = [threading.Thread(target=empty) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trouble == []
    assert served.files() == []


def test_a_checkpassword_program_decides_and_apop_works(home: Path, tmp_path: Path) -> None:
    """The program knows one secret and compares digests as cmd5checkpw does; exit 1 is wrong, 111 is later."""
    program = tmp_path / "check"
    program.write_text(
        f"#!{sys.executable}\n"
        "import hashlib, os, sys\n"
        "name, given, challenge = os.read(3, 512).split(b'\\0')[:3]\n"
        "if name == b'later': sys.exit(111)\n"
        "digest = hashlib.md5(challenge + b'secret').hexdigest().encode()\n"
        "if name != b'joe' or given not in (b'secret', digest): sys.exit(1)\n"
        "os.close(3)\n"
        "os.execvp(sys.argv[1], sys.argv[1:])\n"
    )
    program.chmod(0o755)
    served = Served(home, str(program))
    client = served.client()
    client.apop("joe", "secret")
    assert client.stat() == (2, 50)
    client.quit()
    served.entered().quit()
    client = served.client()
    challenge = client.getwelcome().partition(b" ")[2]
    digest = hashlib.md5(challenge + b"wrong").hexdigest()
    with pytest.raises(poplib.error_proto, match="-ERR authorization failed"):
        client._shortcmd(f"APOP joe {digest}")
    client.user("later")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\]"):
        client.pass_("x")
    client.close()
    served.stop()

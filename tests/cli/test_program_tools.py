"""The small tools that run another program or stand beside one, as programs."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from tests.support.tcpservers import LIMIT_S, TcpServer

Run = Callable[..., tuple[int, bytes, bytes]]
SHOW = ("sh", "-c", 'echo "[${A-unset}][${B-unset}][${C-unset}]"')


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    write_launchers(str(home))
    return home / "bin"


@pytest.fixture
def run(programs: Path, tmp_path: Path) -> Run:
    """Exit status, output and errors of a program that is run in `tmp_path`."""

    def run(name: str, *words: str, text: bytes = b"", **env: str) -> tuple[int, bytes, bytes]:
        ended = subprocess.run(
            [str(programs / name), *words], input=text, capture_output=True, timeout=LIMIT_S, cwd=tmp_path,
            env={"PATH": f"{programs}:/usr/bin:/bin", **env},
        )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr

    return run


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("recordio", ()),
        ("fixcrio", ()),
        ("pgrphack", ()),
        ("fghack", ()),
        ("argv0", ("sh",)),
        ("setlock", ("lk",)),
        ("softlimit", ()),
        ("setuidgid", ("nobody",)),
        ("envuidgid", ("nobody",)),
        ("mconnect", ()),
        ("tcp-env", ()),
        ("tcpclient", ("h", "1")),
        ("setlock", ("-z", "lk", "true")),
        ("tcp-env", ("-t", "x", "true")),
        ("tcpclient", ("-T", "x", "h", "1", "true")),
    ],
)
def test_a_wrong_call_is_explained(run: Run, name: str, words: tuple[str, ...]) -> None:
    status, _, errors = run(name, *words)
    assert status == 100 and errors.splitlines()[-1].startswith(f"{name}: usage: {name} ".encode())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fixcrio", ()),
        ("pgrphack", ()),
        ("fghack", ()),
        ("setlock", ("lk",)),
        ("softlimit", ("-c", "0")),
        ("envuidgid", ("root",)),
        ("envdir", (".",)),
    ],
)
def test_a_program_that_cannot_be_run_is_named(run: Run, name: str, words: tuple[str, ...]) -> None:
    status, _, errors = run(name, *words, "./nosuch")
    assert (status, errors) == (111, f"{name}: fatal: unable to run ./nosuch: file does not exist\n".encode())


def test_envdir_sets_and_removes_variables(run: Run, tmp_path: Path) -> None:
    for name, content in {"A": b"x\0y \t\nsecond", "B": b"", "C": b"\n", ".D": b"no"}.items():
        (tmp_path / "e").mkdir(exist_ok=True)
        (tmp_path / "e" / name).write_bytes(content)
    assert run("envdir", "e", *SHOW, B="old", C="old") == (0, b"[x\ny][unset][]\n", b"")
    assert run("envdir", "none", "true")[2] == (
        b"envdir: fatal: unable to switch to directory none: file does not exist\n"
    )
    (tmp_path / "e" / "dir").mkdir()
    assert run("envdir", "e", "true") == (111, b"", b"envdir: fatal: unable to read e/dir: is a directory\n")
    assert run("envdir", "e") == (111, b"", b"envdir: usage: envdir dir child\n")


def test_softlimit_sets_limits_and_cuts_them_at_the_hard_one(run: Run) -> None:
    show = ("sh", "-c", "ulimit -n; ulimit -c; ulimit -f")
    assert run("softlimit", "-o", "17", "-c", "0", "-f", "1024000", *show)[1] == b"17\n0\n2000\n"
    status, hard, _ = run("softlimit", "-o", "=", "sh", "-c", "ulimit -n; ulimit -Hn")
    assert status == 0 and len(set(hard.split())) == 1
    assert run("softlimit", "-o", "9" * 30, "sh", "-c", "ulimit -n")[1] == hard.split()[0] + b"\n"
    limits = run("softlimit", "-m", "500000000", "sh", "-c", "ulimit -d; ulimit -s; ulimit -v")[1].split()
    assert limits[0] == limits[2] == b"488281" and int(limits[1]) <= 488281
    assert run("softlimit", "-m", "10x", "true")[0] == 100


def test_softlimit_warns_when_our_own_programs_get_too_little(run: Run) -> None:
    assert run("softlimit", "-a", "200000000", "addcr") == (0, b"", b"")
    assert run("softlimit", "-a", "20000000", "true") == (0, b"", b"")
    assert b"warning: 20000000 bytes of memory may be too few for" in run("softlimit", "-a", "20000000", "addcr")[2]


def test_setlock_lets_one_in(run: Run, programs: Path, tmp_path: Path) -> None:
    held = subprocess.Popen(
        [programs / "setlock", "lk", "sh", "-c", "echo in; read x"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdin is not None and held.stdout is not None
    with held:
        assert held.stdout.readline() == b"in\n"
        assert run("setlock", "-n", "lk", "true") == (
            111,
            b"",
            b"setlock: fatal: unable to lock lk: temporary failure\n",
        )
        assert run("setlock", "-nx", "lk", "echo", "no") == (0, b"", b"")
        assert run("setlock", "-nxX", "lk", "true")[0] == 111
        held.stdin.write(b"\n")
        held.stdin.flush()
        assert run("setlock", "lk", "echo", "yes") == (0, b"yes\n", b"")  # waits
    assert run("setlock", "-x", "no/lk", "echo", "no") == (0, b"", b"")


def test_envuidgid_tells_the_ids(run: Run) -> None:
    entry = pwd.getpwnam("nobody")
    text = run("envuidgid", "nobody", "env", UID="old")[1].decode().splitlines()
    assert {f"UID={entry.pw_uid}", f"GID={entry.pw_gid}"} <= set(text) and "UID=old" not in text
    assert run("envuidgid", "nosuchaccount", "true")[2] == b"envuidgid: fatal: unknown account nosuchaccount\n"
    assert run("setuidgid", "nosuchaccount", "true")[0] == 111


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_setuidgid_leaves_nothing_of_root(run: Run) -> None:
    """S076."""
    entry = pwd.getpwnam("nobody")
    text = run("setuidgid", "nobody", "sh", "-c", "id -u; id -g; id -G")[1]
    assert text.decode().split() == [str(entry.pw_uid), str(entry.pw_gid), str(entry.pw_gid)]


def test_argv0_gives_another_name(run: Run) -> None:
    assert run("argv0", "sh", "-other", "-c", "echo $0")[1] == b"-other\n"
    assert run("argv0", "nosuch", "x")[2] == b"argv0: fatal: unable to run nosuch: file does not exist\n"


def test_pgrphack_leads_a_group(run: Run) -> None:
    status, text, _ = run("pgrphack", "sh", "-c", "echo $$; ps -o pgid= -p $$")
    assert status == 0 and len({int(word) for word in text.split()}) == 1


@pytest.mark.parametrize("closed", ["", " 0<&- 1>&- 2>&- 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-"])
def test_fghack_waits_for_what_went_into_the_background(run: Run, tmp_path: Path, closed: str) -> None:
    os.mkfifo(tmp_path / "gate")
    daemon = f"( exec{closed}; read x < gate; echo $x > seen ) & exit 3"
    opener = 'exec 9<>gate; (sleep 0.3; echo go >&9) & fghack sh -c "$0" 9<&-; echo $?; cat seen'
    status, text, errors = run("argv0", "sh", daemon, "-c", opener)
    assert (status, text, errors) == (0, b"3\ngo\n", b"")


def test_fghack_tells_that_its_program_crashed(run: Run) -> None:
    assert run("fghack", "sh", "-c", "exit 7") == (7, b"", b"")
    assert run("fghack", "sh", "-c", "kill -9 $$") == (111, b"", b"fghack: fatal: sh crashed\n")


def test_addcr_and_delcr_are_filters(run: Run) -> None:
    assert run("addcr", text=b"a\nb\r\nc") == (0, b"a\r\nb\r\r\nc", b"")
    assert run("delcr", text=b"a\r\nb\r\r\nc\r") == (0, b"a\nb\r\nc\r", b"")


def test_recordio_gives_the_status_of_its_program(run: Run) -> None:
    assert run("recordio", "sh", "-c", "exit 7")[0] == 7
    assert run("fixcrio", "sh", "-c", "exit 7")[0] == 7


CLIENT = ("sh", "-c", "echo sent >&7; cat <&6; env | grep -E '^(TCP|PROTO)' | sort")


def test_tcpclient_talks_on_descriptors_6_and_7(run: Run, programs: Path) -> None:
    """S215."""
    command = [str(programs / "tcpserver"), "-1", "-RHl0", "127.0.0.1", "0", "sh", "-c", "read x; echo got $x"]
    with TcpServer(command) as server:
        port = str(server.port)
        status, text, errors = run(
            "tcpclient", "-vRHl0", "-i", "127.0.0.9", "127.0.0.1", port, *CLIENT, TCPREMOTEINFO="old"
        )
    lines = text.decode().splitlines()
    assert status == 0 and lines.pop(0) == "got sent"
    assert errors == f"tcpclient: connected to 127.0.0.1 port {port}\n".encode()
    found = dict(line.split("=") for line in lines)
    assert found.pop("TCPLOCALPORT").isdigit()
    assert found == {
        "PROTO": "TCP",
        "TCPLOCALIP": "127.0.0.9",
        "TCPLOCALHOST": "0",
        "TCPREMOTEIP": "127.0.0.1",
        "TCPREMOTEPORT": port,
    }


def test_tcpclient_says_why_there_is_no_connection(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = str(gone.getsockname()[1])
    expected = f"tcpclient: unable to connect to 127.0.0.1 port {port}: connection refused\n".encode()
    assert run("tcpclient", "-RHl0", "0", port, "true") == (111, b"", expected)
    assert run("tcpclient", "-RHl0", "0", "nosuch", "true")[2].startswith(
        b"tcpclient: fatal: unable to figure out port"
    )


def test_tcp_env_leaves_alone_what_tcpserver_has_set_and_insists_on_a_connection(run: Run) -> None:
    assert run("tcp-env", "sh", "-c", "echo $TCPREMOTEIP", PROTO="TCP", TCPREMOTEIP="192.0.2.7")[1] == b"192.0.2.7\n"
    status, _, errors = run("tcp-env", "-R", "true")
    assert status == 111 and errors.startswith(b"tcp-env: fatal: unable to get addresses of descriptor 0")

"""matchup, its selections and its reports, as programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.logbook.analysis.reports import REPORTS

LIMIT_S = 60
LOG = b"""\
945000001.000000 new msg 9
945000001.100000 info msg 9: bytes 2343 from <Joe@Sun.example> qp 18695 uid 501
945000001.200000 starting delivery 2: msg 9 to remote Bob@Host.Example
945000003.500000 delivery 2: deferral: not_now/
945000401.200000 starting delivery 3: msg 9 to remote Bob@Host.Example
945000401.700000 delivery 3: success: ok/
945000401.800000 end msg 9
945000402.000000 info msg 10: bytes 5 from <> qp 7 uid 0
945000403.0 sta"""
HISTORIES = b"""\
d z 945000001.100000 945000001.200000 945000003.500000 2343 <joe@sun.example> remote.bob@host.example 18695 501 not_now/
d k 945000001.100000 945000401.200000 945000401.700000 2343 <joe@sun.example> remote.bob@host.example 18695 501 ok/
m 945000001.100000 945000401.800000 2343 1 0 1 <joe@sun.example> 18695 501
"""
PENDING = b"""\
945000402.000000 info msg 10: bytes 5 from <> qp 7 uid 0
945000402.000000 extra 10 0 0 0
945000403.0 sta"""
Ended = tuple[int, bytes, bytes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("home")
    write_launchers(str(directory))
    return directory


def run(home: Path, name: str, *words: str, text: bytes = HISTORIES) -> Ended:
    ended = subprocess.run([home / "bin" / name, *words], input=text, capture_output=True, timeout=LIMIT_S)
    return ended.returncode, ended.stdout, ended.stderr


def matchup(home: Path, text: bytes, state: Path) -> Ended:
    """matchup with descriptor 5 going to a file."""
    command = ["/bin/sh", "-c", 'exec "$0" 5> "$1"', str(home / "bin/matchup"), str(state)]
    ended = subprocess.run(command, input=text, capture_output=True, timeout=LIMIT_S)
    return ended.returncode, ended.stdout, ended.stderr


def test_what_is_open_goes_to_descriptor_five(home: Path, tmp_path: Path) -> None:
    """S093."""
    state = tmp_path / "pending"
    assert matchup(home, LOG, state) == (0, HISTORIES, b"")
    assert state.read_bytes() == PENDING


def test_the_state_in_front_of_the_next_log_completes_the_histories(home: Path, tmp_path: Path) -> None:
    state = tmp_path / "pending"
    for cut in range(0, len(LOG), 97):
        _, first, _ = matchup(home, LOG[:cut], state)
        _, second, _ = matchup(home, state.read_bytes() + LOG[cut:], state)
        assert (first + second, state.read_bytes()) == (HISTORIES, PENDING)


def test_without_descriptor_five_nothing_is_printed(home: Path) -> None:
    status, out, err = run(home, "matchup", text=LOG)
    assert (status, out) == (111, b"") and err.startswith(b"matchup: fatal: unable to write descriptor 5: ")


@pytest.mark.parametrize("name", [name.decode() for name in REPORTS])
def test_each_report_has_a_heading_an_empty_line_and_figures(home: Path, name: str) -> None:
    status, out, err = run(home, name)
    heading, _, rest = out.partition(b"\n\n")
    assert (status, err) == (0, b"") and heading.strip() and rest.rstrip().count(b"\n") >= 3
    if name != "zfailures":
        assert rest.rstrip().splitlines()[-1].split()[0].replace(b".", b"").isdigit() or name == "zoverall"


def test_reports_say_what_the_histories_add_up_to(home: Path) -> None:
    """S094."""
    overall = run(home, "zoverall")[1]
    assert b"Completed messages: 1\n" in overall and b"\n  deferral: 1\n" in overall
    assert b"\nAverage ddelay per success (s): 400.600000\n" in overall
    assert run(home, "zdeferrals")[1].endswith(b"\n\ndel  xdelay  reason\n  1    2.30  not now/\n")
    assert run(home, "zrhosts")[1].endswith(b"  host\n  2343     1      2    2.80  host.example\n")
    assert run(home, "zrxdelay")[1].endswith(b" avg  tries  recipient\n1.40      2  remote.bob@host.example\n")
    assert run(home, "zsuids")[1].splitlines()[-1].split() == [b"1", *[b"2343"] * 3, b"1", b"2", b"2.800000", b"501"]
    assert b" 501/<joe@sun.example>" not in run(home, "zsuids")[1]
    assert run(home, "zsenders")[1].endswith(b"  501/<joe@sun.example>\n")


def test_zsendmail_prints_a_line_for_each(home: Path) -> None:
    lines = run(home, "zsendmail", text=HISTORIES + b"5.0 warning: x\n")[1].splitlines()
    assert lines[0].endswith(
        b"qp 18695: to=remote.bob@host.example, uid=501, ddelay=2.400000, xdelay=2.300000, stat=Deferred (not_now/)"
    )
    assert lines[2:] == [
        b"945000401.800000 qp 18695: "
        b"from=<joe@sun.example>, uid=501, size=2343, nrcpts=1, deferrals=1, qtime=400.700000",
        b"5.0 warning: x",
    ]


def test_selections_keep_the_lines_of_one(home: Path) -> None:
    other = HISTORIES.replace(b"joe", b"ann").replace(b"18695", b"5").replace(b"bob", b"eve") + b"? hello\n"
    both = HISTORIES + other
    assert run(home, "xqp", "18695", text=both)[1] == HISTORIES
    assert run(home, "xsender", "joe@sun.example", text=both)[1] == HISTORIES
    assert run(home, "xrecipient", "remote.bob@host.example", text=both)[1] == b"".join(
        line for line in HISTORIES.splitlines(keepends=True) if line.startswith(b"d ")
    )
    assert run(home, "xsender", "", text=both)[1] == b""


def test_columnt_lines_words_up(home: Path) -> None:
    assert run(home, "columnt", text=b"a bb ccc\ndddd\te f")[1] == b"   a  bb  ccc\ndddd   e  f\n"


@pytest.mark.parametrize("call", ["matchup x", "zoverall x", "zsendmail x", "columnt x", "xqp", "xsender a b"])
def test_a_wrong_call_is_explained(home: Path, call: str) -> None:
    name, *words = call.split()
    status, out, err = run(home, name, *words)
    assert (status, out) == (100, b"") and err.startswith(f"{name}: usage: {name}".encode())


@pytest.mark.parametrize("name", ["matchup", "zoverall", "xqp", "zsendmail", "columnt"])
def test_input_that_cannot_be_read_is_an_error(home: Path, name: str) -> None:
    words = ["1"] if name == "xqp" else []
    command = ["/bin/sh", "-c", '"$@" 0> /dev/null 5> /dev/null', "sh", str(home / "bin" / name), *words]
    ended = subprocess.run(command, capture_output=True, timeout=LIMIT_S)
    assert ended.returncode == 111 and ended.stderr.startswith(f"{name}: fatal: unable to read input: ".encode())


@pytest.mark.parametrize("name", ["matchup", "zoverall", "xqp", "zsendmail", "columnt"])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_output_that_cannot_be_written_is_an_error(home: Path, name: str) -> None:
    words, text = (["18695"] if name == "xqp" else []), (LOG if name == "matchup" else HISTORIES)
    command = ["/bin/sh", "-c", '"$@" > /dev/full 5> /dev/null', "sh", str(home / "bin" / name), *words]
    ended = subprocess.run(command, capture_output=True, timeout=LIMIT_S, input=text)
    assert ended.returncode == 111 and ended.stderr.startswith(f"{name}: fatal: unable to write output: ".encode())

"""dnsfq, dnsip, dnsmxip, dnsptr, dnsname, dnstxt and ipmeprint."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.cli.control.launchers import write_launchers
from qmtwist.cli.dns import common
from qmtwist.cli.registry import PROGRAMS
from qmtwist.control.nameservers import home_name_service
from qmtwist.store import interfaces
from tests.support.zone import Fault, Zone

ZONE = """
far.example. MX 20 mx.far.example.
far.example. MX 12801 quick.far.example.
far.example. MX 10 best.far.example.
mx.far.example. A 192.0.2.1
mx.far.example. AAAA 2001:db8::1
best.far.example. A 192.0.2.2
quick.far.example. A 192.0.2.3
null.example. MX 0 .
lost.example. MX 10 gone.example.
1.2.0.192.in-addr.arpa. PTR mx.far.example.
1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa. PTR six.far.example.
one.example. TXT "v=spf1 " "-all"
odd.example. TXT "a\\009b\\200"
two.example. TXT "first" "."
two.example. TXT "second"
short.site.example. A 192.0.2.7
"""
TROUBLE = "trouble.example"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def zone() -> Iterator[Zone]:
    with Zone(ZONE) as served:
        served.faults[TROUBLE] = Fault.SERVFAIL
        served.faults["7.2.0.192.in-addr.arpa"] = Fault.SERVFAIL
        yield served


@pytest.fixture
def home(zone: Zone, tmp_path: Path) -> Path:
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "nameservers").write_text(zone.nameserver + "\n")
    return tmp_path


@pytest.fixture
def run(home: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Exit status, standard output and standard error of a program."""

    def run(program: str, *arguments: str) -> tuple[int, str, str]:
        module = importlib.import_module("qmtwist.cli." + PROGRAMS[program])
        status = module.main([os.fsencode(word) for word in arguments], str(home))
        return status, *capfd.readouterr()

    return run


HARD, SOFT = (100, "", "hard error\n"), (111, "", "soft error\n")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("dnsip mx.far.example", "192.0.2.1\n2001:db8::1\n"),
        ("dnsip best.far.example.", "192.0.2.2\n"),
        ("dnsip [192.0.2.9]", "192.0.2.9\n"),
        ("dnsip 192.0.2.9", "192.0.2.9\n"),
        ("dnsptr 192.0.2.1", "mx.far.example\n"),
        ("dnsptr 2001:db8::1", "six.far.example\n"),
        ("dnsfq MX.far.example", "mx.far.example\n"),
        ("dnsmxip far.example", "192.0.2.2 10\n192.0.2.1 20\n2001:db8::1 20\n192.0.2.3 12801\n"),
        ("dnsmxip best.far.example", "192.0.2.2 0\n"),
        ("dnsmxip [192.0.2.9]", "192.0.2.9 0\n"),
        ("dnsname 192.0.2.1 192.0.2.2 2001:db8::1", "mx.far.example\n\nsix.far.example\n"),
        ("dnstxt one.example gone.example far.example odd.example", "v=spf1 -all\n\n\na?b?\n"),
    ],
)
def test_what_is_found_is_printed(run: Run, command: str, text: str) -> None:
    assert run(*command.split()) == (0, text, "")


def test_text_records_are_told_apart(run: Run) -> None:
    assert run("dnstxt", "two.example")[1] in ("first. second\n", "second first.\n")


@pytest.mark.parametrize(
    "command",
    ["dnsip gone.example", "dnsip far.example", "dnsip a..b", "dnsptr 192.0.2.2", "dnsptr nonsense",
     "dnsfq gone.example", "dnsfq best.far.example", "dnsmxip gone.example", "dnsmxip null.example",
     "dnsmxip lost.example"],
)  # fmt: skip
def test_what_is_not_there_is_a_hard_error(run: Run, command: str) -> None:
    assert run(*command.split()) == HARD


@pytest.mark.parametrize(
    "command", [f"dnsip {TROUBLE}", "dnsptr 192.0.2.7", f"dnsfq {TROUBLE}", "dnsfq 192.0.2.7", f"dnsmxip {TROUBLE}"]
)
def test_trouble_is_a_soft_error(run: Run, command: str) -> None:
    assert run(*command.split()) == SOFT


@pytest.mark.parametrize("program", ["dnsip", "dnsptr", "dnsfq", "dnsmxip"])
def test_without_an_argument_nothing_is_said(run: Run, program: str) -> None:
    assert run(program) == (100, "", "")


def test_the_programs_of_djbdns_have_words_of_their_own(run: Run) -> None:
    assert run("dnsname", "192.0.2.1", "x", "192.0.2.1") == (
        111, "mx.far.example\n", "dnsname: fatal: unable to parse IP address x\n",
    )  # fmt: skip
    assert run("dnsname", "192.0.2.7") == (
        111, "", "dnsname: fatal: unable to find host name for 192.0.2.7: temporary failure\n",
    )  # fmt: skip
    assert run("dnstxt", TROUBLE) == (
        111, "", f"dnstxt: fatal: unable to find TXT records for {TROUBLE}: temporary failure\n",
    )  # fmt: skip
    assert run("dnsname") == run("dnstxt") == (0, "", "")


def test_short_names_are_looked_up_in_the_search_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def searching(home: str) -> object:
        return home_name_service(home)._replace(search=(b"nowhere.example", b"site.example"))

    monkeypatch.setattr(common, "home_name_service", searching)
    assert run("dnsip", "short") == (0, "192.0.2.7\n", "")
    assert run("dnsip", "short.") == HARD
    assert run("dnsip", "missing") == HARD
    assert run("dnsmxip", "short") == HARD  # mail needs whole names


def test_trouble_with_one_candidate_is_trouble(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def searching(home: str) -> object:
        return home_name_service(home)._replace(search=(b"example", b"site.example"))

    monkeypatch.setattr(common, "home_name_service", searching)
    assert run("dnsip", "trouble") == SOFT


def test_dnsmxip_keeps_to_the_families_of_the_home(run: Run, home: Path) -> None:
    (home / "control" / "outgoingfamilies").write_text("ipv6\n")
    assert run("dnsmxip", "far.example") == (0, "2001:db8::1 20\n", "")


@pytest.mark.parametrize("program", ["dnsip", "dnsmxip", "dnstxt"])
def test_a_control_file_that_cannot_be_read_is_said(run: Run, home: Path, program: str) -> None:
    (home / "control" / "nameservers").unlink()
    (home / "control" / "nameservers").symlink_to("nowhere")
    status, text, errors = run(program, "far.example")
    assert (status, text) == (111, "")
    assert "control/nameservers" in errors


def test_ipmeprint_prints_our_addresses(run: Run) -> None:
    status, text, errors = run("ipmeprint")
    lines = text.splitlines()
    assert (status, errors, lines[0]) == (0, "", "0.0.0.0")
    assert {"127.0.0.1", "::"} <= set(lines)
    assert {interfaces.pack(line) for line in lines} == interfaces.own_addresses()
    assert [":" in line for line in lines] == sorted(":" in line for line in lines)


def test_the_launchers_start_them(home: Path) -> None:
    write_launchers(str(home))
    ended = subprocess.run([home / "bin" / "dnsmxip", "best.far.example"], capture_output=True, env={})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"192.0.2.2 0\n", b"")


def test_dnspython_is_not_imported_before_the_first_query() -> None:
    code = (
        "import sys; from qmtwist.agents.dns import Resolver; import qmtwist.rules.mx, qmtwist.control.nameservers\n"
        "sys.exit(any(name.split('.')[0] in ('dns', 'twisted', 'dataclasses') for name in sys.modules))"
    )
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert subprocess.run([sys.executable, "-S", "-c", code], env={"PYTHONPATH": top}).returncode == 0

"""What the documents say about reading the log, on the log of a real server, as multilog and its like keep it."""

from __future__ import annotations

import json
import os
import smtplib
import subprocess
from collections.abc import Iterator

import pytest

from qmtwist.logbook.analysis.reports import REPORTS
from tests.support.daemon import running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
FAR = "x@away.example"
LIMIT_S = 60


class Logged(Office):
    """A server whose log is read line by line, at the moment of writing, by the programs of daemontools."""

    def __init__(self, made: Town, loggers: list[list[str]], *options: str) -> None:
        super().__init__(made, *options)
        self._loggers = [subprocess.Popen(command, stdin=subprocess.PIPE, cwd=made.top) for command in loggers]

    def _read_log(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line.rstrip("\n"))
            for logger in self._loggers:
                assert logger.stdin is not None
                logger.stdin.write(line.encode("utf-8", "surrogateescape"))
                logger.stdin.flush()

    def finish(self) -> None:
        """The logs are whole."""
        for logger in self._loggers:
            assert logger.stdin is not None
            logger.stdin.close()
            assert logger.wait(LIMIT_S) == 0


class Kept:
    """A town after a day's work: its logs by the paths, and the programs that read them."""

    def __init__(self, made: Town) -> None:
        self.town = made
        self.multilog, self.accustamp, self.json = (f"{made.top}/{name}" for name in ("multilog", "accustamp", "json"))

    def pipe(self, command: str) -> str:
        """What a line of shell prints; HOME/bin is where its programs are."""
        path = f"{self.town.path}/bin:/usr/bin:/bin"
        ended = subprocess.run(
            ["/bin/sh", "-ec", command], capture_output=True, cwd=self.town.top, env={"PATH": path}, timeout=LIMIT_S
        )
        assert (ended.returncode, ended.stderr) == (0, b""), ended.stderr
        return ended.stdout.decode("latin-1")

    def histories(self, source: str) -> list[str]:
        """What matchup makes of it, without the lines that it does not know."""
        lines = self.pipe(f"{source} | matchup 5> pending").splitlines()
        return [line for line in lines if not line.startswith("?")]


def work(office: Office) -> None:
    """Three messages to joe, one to nobody, of which the postmaster hears; one that waits, one that SMTP refuses."""
    for _ in range(3):
        assert ": success: " in office.deliver(f"joe@{H}", "Sender@Far.Example")
    assert ": failure: " in office.deliver(f"nobody-of-that-name@{H}", "")
    assert ": deferral: " in office.deliver(FAR)
    with office.smtp() as session, pytest.raises(smtplib.SMTPRecipientsRefused):
        session.sendmail(f"ann@{H}", [FAR], "Subject: x\n\nrelay\n")
    office.wait_for_line(" closed: ")


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with town("joe", "ann") as made:
        made.alias("postmaster", "#\n")
        kept = Kept(made)
        multilog = [made.program("multilog"), "t", "s4096", "n50", "!gzip", kept.multilog]
        accustamp = ["/bin/sh", "-c", f'exec {made.program("accustamp")} > "$0"', kept.accustamp]
        office = Logged(made, [multilog, accustamp])
        with running(office):
            work(office)
        office.finish()
        office = Logged(made, [["/bin/sh", "-c", 'exec cat > "$0"', kept.json]], "--log-format", "json")
        with running(office):
            office.queue(f"ann@{H}")
            office.wait_for_messages("ann", 1)
            office.wait_for(lambda line: '"MessageEnded"' in line)
        office.finish()
        yield kept


def test_multilog_keeps_the_log_with_stamps_and_matchup_reads_it(kept: Kept) -> None:
    """S089, S093, S095: as it is, after tai64nfrac, and as accustamp has it."""
    current = kept.pipe("cat multilog/current")
    assert current and all(line.startswith("@4000") for line in current.splitlines())
    direct = kept.histories("cat multilog/current")
    assert direct and direct == kept.histories("tai64nfrac < multilog/current")
    whole = kept.histories("(gzip -dc multilog/@*.s; cat multilog/current)")
    by_kind = sorted(line.split(" ", 2)[1] for line in whole if line.startswith("d "))
    assert by_kind == ["d", "k", "k", "k", "k", "z"]
    assert sum(line.startswith("m ") for line in whole) == 5
    assert sum("<sender@far.example>" in line for line in whole) == 6
    pending = kept.pipe("cat pending")
    assert pending.count(" info msg ") == 1 and " extra " in pending
    stamped = kept.histories("cat accustamp")
    assert [line.split()[5:] for line in stamped] == [line.split()[5:] for line in whole]


def test_every_report_is_made_of_a_real_log(kept: Kept) -> None:
    """S094: zoverall and the rest, xqp, xsender, xrecipient."""
    kept.pipe("matchup < accustamp > histories 5> pending")
    overall = kept.pipe("zoverall < histories")
    assert (
        "Completed messages: 5\n" in overall and "Total delivery attempts: 6\n  success: 4\n  failure: 1\n" in overall
    )
    for name in REPORTS:
        assert kept.pipe(f"{name.decode()} < histories").count("\n") > 4
    assert "Sorry, no mailbox here by that name. (#5.1.1)/" in kept.pipe("zfailures < histories")
    assert kept.pipe(f"zrhosts < histories | grep -c -w {H}") == "1\n"
    assert kept.pipe("zsendmail < histories | grep -c 'stat=Sent (did_1+0+0/)'") == "3\n"
    assert kept.pipe("xsender sender@far.example < histories | grep -c ^m") == "3\n"
    assert kept.pipe(f"xrecipient local.joe@{H} < histories | wc -l").strip() == "3"
    qp = kept.pipe("grep ^m histories | head -n 1").split()[-2]
    assert kept.pipe(f"xqp {qp} < histories | wc -l").strip() == "2"


def test_the_lines_of_syslog_are_read_as_they_are(kept: Kept) -> None:
    """S091, S093: with what syslog puts in front of those of splogger."""
    kept.pipe("sed 's/^/Jun  9 10:22:03 host qmail: /' accustamp > mail.log")
    assert kept.histories("cat mail.log") == kept.histories("cat accustamp")


def test_qmtwist_stats_shows_the_same_of_every_log(kept: Kept) -> None:
    """S093, S094: the directory of multilog with its compressed files, and the log in JSON."""
    found = json.loads(kept.pipe("qmtwist stats --format json multilog"))
    assert found["deliveries"]["attempts"] == 6 and found["messages"]["completed"] == 5
    assert found["failures"][0]["reason"] == "Sorry, no mailbox here by that name. (#5.1.1)"
    assert {row["host"] for row in found["hosts"]} == {H, "away.example"}
    of_json = json.loads(kept.pipe("qmtwist stats --format json json"))
    assert of_json["deliveries"]["successes"] == 1 and of_json["messages"]["completed"] == 1
    assert kept.pipe("qmtwist stats --format html multilog json").count("<svg ") >= 5


def test_each_connection_and_each_refusal_is_in_the_log(kept: Kept) -> None:
    """S096: from where, what was refused and why, how it ended."""
    text = kept.pipe("cut -d' ' -f2- accustamp")
    refused = next(line for line in text.splitlines() if f"refused <{FAR}>" in line)
    session = refused.split(" refused ")[0]
    assert session.startswith("smtp ") and "127.0.0.1:" in session and ": 553 " in refused
    assert any(line.startswith(f"{session} closed: quit, 0 accepted") for line in text.splitlines())


def test_a_delivery_under_way_can_be_seen() -> None:
    """S098: in the log, in what qmail-qread prints, and in what matchup leaves for the next log."""
    with town("joe") as made:
        made.file("joe", ".qmail-wait", "|until test -e go; do sleep 0.05; done\n")
        made.write("control/concurrencylocal", "2\n")
        office = Office(made)
        with running(office):
            for _ in range(3):
                office.queue(f"joe-wait@{H}")
            office.wait_for_line("status: local 2/2 remote 0/20")
            wait_until(lambda: made.run("qmail-qread").count(f"\tlocal\tjoe-wait@{H}\n") == 3)
            assert sum(line.startswith("starting delivery ") for line in office.log) == 2
            stamped = "".join(f"{second}.0 {line}\n" for second, line in enumerate(office.log, 1))
            state = os.path.join(made.top, "state")
            ended = subprocess.run(
                ["/bin/sh", "-c", f'exec {made.program("matchup")} 5> "$0"', state], input=stamped.encode(), timeout=60
            )
            assert ended.returncode == 0
            with open(state, encoding="ascii") as stream:
                assert stream.read().count(f" to local joe-wait@{H}\n") == 2
            made.file("joe", "go", "")
            office.wait_for(lambda line: line.startswith("status: local 0/2"))

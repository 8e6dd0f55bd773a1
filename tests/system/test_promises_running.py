"""A running server as the documents promise it: signals, listings, programs in its places, limits, accounts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemon import environment, running
from tests.support.privately import MAIL_UIDS
from tests.support.processes import tree
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
FAR = "x@away.example"

# Stands in for qmail-remote: what it says depends on the recipient.
REMOTE = """#!/bin/sh
cat > /dev/null
case "$3" in
good*) printf 'r\\0K192.0.2.1 accepted message.\\nRemote host said: 250 ok\\n\\0' ;;
bad*) printf 'h192.0.2.1 does not like recipient.\\nRemote host said: 550 no (#5.1.1)\\n\\0KGiving up.\\n\\0' ;;
*) printf 'r\\0ZConnected to 192.0.2.1 but connection died. (#4.4.2)\\n\\0' ;;
esac
"""


@pytest.fixture
def place() -> Iterator[Office]:
    """A server that the test starts itself."""
    with town("joe", "ann") as made:
        yield Office(made)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    def prepare(made: Town) -> None:
        made.file("joe", ".qmail-wait", "|echo $$ > pid; test -e go || exit 111\n")

    with town("joe", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


def test_alarm_tries_everything_at_once(office: Office) -> None:
    """S054, S085: local and remote."""
    since = office.mark()
    assert "deferral:" in office.deliver(f"joe-wait@{H}")
    assert "deferral:" in office.deliver(FAR)
    since = office.mark()
    office.town.file("joe", "go", "")
    office.signal(signal.SIGALRM)
    assert "success:" in office.report(f"joe-wait@{H}", since)
    assert "deferral:" in office.report(FAR, since)


def test_hup_changes_what_is_local_while_sessions_and_deliveries_go_on(office: Office) -> None:
    """S056, S128, S129, S047."""
    made = office.town
    made.file("ann", ".qmail-long", "|while ! test -e go; do sleep 0.05; done; echo long done\n")
    since = office.mark()
    office.queue(f"ann-long@{H}")
    office.wait_for_line(f"to local ann-long@{H}", since)
    with office.smtp() as client:
        client.helo("x")
        made.write("control/locals", f"{H}\nmore.example\n")
        made.write("control/virtualdomains", "virtual.example:joe\n")
        now = office.mark()
        office.signal(signal.SIGHUP)
        office.wait_for_line("control: ", now)
        assert "success" in office.deliver("ann@more.example")
        assert client.noop()[0] == 250
        made.file("joe", ".qmail-info", "|echo virtual\n")
        now = office.mark()
        office.queue("info@virtual.example")
        assert "virtual/" in office.report("joe-info@virtual.example", now)
        made.file("ann", "go", "")
        assert "long_done" in office.report(f"ann-long@{H}", since)
    made.write("control/locals", f"{H}\n")
    now = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("control: ", now)
    office.queue("ann@more.example")
    office.wait_for_line("to remote ann@more.example", now)


def test_listings(office: Office) -> None:
    """S107, S108, S066: date, number, size, sender, recipients; done ones are marked."""
    made = office.town
    made.file("joe", ".qmail-listed", "|test -e listed || exit 111\n")
    assert "deferral" in office.deliver(f"joe-listed@{H}", "lister@far.example")
    lines = made.run("qmail-qread").splitlines()
    (place,) = [at for at, line in enumerate(lines) if "<lister@far.example>" in line]
    assert re.fullmatch(r"\d+ \w{3} \d{4} \d\d:\d\d:\d\d GMT  #1\d{10}  \d+  <lister@far\.example> ", lines[place])
    assert lines[place + 1].split() == ["local", f"joe-listed@{H}"]
    said = made.run("qmail-qstat").splitlines()
    assert said[0].startswith("messages in queue: ") and said[1] == "messages in queue but not yet preprocessed: 0"


def test_qmail_queue_says_what_went_wrong(office: Office) -> None:
    """S118."""
    program = office.town.program("qmail-queue")

    def code(message: str, envelope: str) -> int:
        script = f"{program} {message} 1<{envelope}"
        return subprocess.run(["/bin/sh", "-c", script], env=environment(), preexec_fn=office.before_exec).returncode

    folder = f"{office.town.top}/envelopes"
    os.mkdir(folder)
    for name, data in (
        ("good", b"Fs@far.example\0Tann@test.example\0\0"),
        ("cut", b"Fs@far.example\0Tann"),
        ("bad", b"X"),
    ):
        with open(f"{folder}/{name}", "wb") as stream:
            stream.write(data)
    os.chmod(folder, 0o755)
    assert code("</dev/null", f"{folder}/good") == 0
    assert code("</dev/null", f"{folder}/cut") == 54
    assert code("</dev/null", f"{folder}/bad") == 91
    assert code("<&-", f"{folder}/good") == 54


def test_a_scanner_for_all_mail(place: Office) -> None:
    """S119: QMAILQUEUE in the server's environment is run for SMTP and for forwards; a user's own for qmail-inject."""
    made = place.town
    scanner = f"{made.top}/scanner"
    with open(scanner, "w", encoding="ascii") as stream:
        stream.write(
            "#!/bin/sh\nt=$(mktemp) || exit 51\ncat > $t\ngrep -q VIRUS $t && { rm $t; exit 31; }\n"
            f"{{ echo X-Scanned: yes; cat $t; }} > $t.2\n{made.path}/bin/qmail-queue < $t.2\n"
            "code=$?; rm $t $t.2; exit $code\n"
        )
    os.chmod(scanner, 0o755)
    made.file("joe", ".qmail-fwd", f"&ann@{H}\n")
    command = place.command
    place.command = lambda: ["/usr/bin/env", f"QMAILQUEUE={scanner}", *command()]  # type: ignore[method-assign]
    with running(place):
        with place.smtp() as client:
            client.sendmail("s@far.example", [f"joe-fwd@{H}"], b"Subject: clean\r\n\r\n")
        assert place.wait_for_messages("ann", 1)[0].count(b"X-Scanned: yes\n") == 2
        text = f"To: ann@{H}\nSubject: VIRUS\n\n"
        ended = made.attempt("qmail-inject", text=text, more={"QMAILQUEUE": scanner})
        assert ended.returncode == 100
        assert made.attempt("qmail-inject", text=text).returncode == 0


def test_no_more_slots_than_the_files_say(place: Office) -> None:
    """S025, S026, S081."""
    made = place.town
    made.write("control/concurrencylocal", "0\n")
    made.write("control/concurrencyremote", "400\n")
    with running(place):
        place.wait_for_line("status: local 0/0 remote 0/400")
        place.queue(f"ann@{H}")
        place.wait_for_line("info msg")
        wait_until(lambda: f"local\tann@{H}" in made.run("qmail-qread"))
        place.stop()
    assert made.messages("ann") == []
    os.unlink(f"{made.path}/control/concurrencylocal")
    with running(place):
        place.wait_for_messages("ann", 1)


def test_the_remote_agent_reports(place: Office) -> None:
    """S083, S084, S085, S225: lines of success, failure and deferral, by a program in the place of qmail-remote."""
    made = place.town
    with open(f"{made.path}/bin/qmail-remote", "w", encoding="ascii") as stream:
        stream.write(REMOTE)
    os.chmod(f"{made.path}/bin/qmail-remote", 0o755)
    with running(place):
        assert place.deliver("good@away.example").endswith(
            "success: 192.0.2.1_accepted_message./Remote_host_said:_250_ok/"
        )
        assert "deferral: Connected_to_192.0.2.1_but_connection_died._(#4.4.2)/" in place.deliver("soft@away.example")
        assert "failure: 192.0.2.1_does_not_like_recipient./" in place.deliver("bad@away.example", f"ann@{H}")
        (bounce,) = place.wait_for_messages("ann", 1)
        assert b"<bad@away.example>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 no (#5.1.1)\n" in bounce


def test_processes_have_accounts_of_their_own(office: Office) -> None:
    """S010, S011: nothing that reads the network is root; queue, remote agent and deliveries have different uids."""
    made = office.town
    if not made.is_real:
        pytest.skip("needs root: accounts of their own")
    made.file("ann", ".qmail-who", "|while ! test -e go2; do sleep 0.05; done\n")
    office.queue(f"ann-who@{H}")
    uids = {MAIL_UIDS["qmailq"][0], MAIL_UIDS["qmailr"][0], made.owner("ann")[0], 0}

    def seen() -> set[int]:
        return {os.stat(f"/proc/{pid}").st_uid for pid in tree(office.pid) if os.path.exists(f"/proc/{pid}")}

    wait_until(lambda: uids <= seen())
    assert os.stat(f"/proc/{office.pid}").st_uid == MAIL_UIDS["qmailq"][0]
    texts = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree(office.pid)]
    assert any(b"qmail-lspawn" in text for text in texts) and any(b"qmail-rspawn" in text for text in texts), texts
    made.file("ann", "go2", "")

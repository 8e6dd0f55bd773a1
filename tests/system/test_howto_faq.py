"""docs/howto/faq.md answers every question of qmail's FAQ, and what it tells to type has the effect that it says.

`#` lines are typed by root and `$` lines by joe, on a host of their own accounts with a running server; then the
commands of CHECKS must succeed. Answers without commands, or whose page is typed elsewhere, name that test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from scripts.seedrows import exists
from tests.support.daemon import NOWHERE, TOP, environment
from tests.support.processes import kill_all, tree
from tests.support.town import Town, town
from tests.support.typist import type_into

pytestmark = [pytest.mark.system, pytest.mark.slow]

SECTION = re.compile(r"^### (\d\.\d+) [^\n]*\n(.*?)(?=^##|\Z)", re.M | re.S)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
LIMIT_S = 60.0
HOST = "post.example"
KEPT = ("control", "alias", "users")
START = "twistd -n --pidfile= qmtwist --home /var/qmail >> /var/qmail/log 2>&1 & echo $! > /run/qmtwist.pid"

# The questions of the FAQ: how many each chapter has.
QUESTIONS = [
    f"{chapter}.{n}" for chapter, count in enumerate((3, 5, 3, 10, 6, 4, 7, 3), 1) for n in range(1, count + 1)
]

# What root has to have done before.
BEFORE = {
    "2.1": ["echo example.org >> /var/qmail/control/locals", "kill -HUP $(cat /run/qmtwist.pid)"],
    "4.3": [
        "printf '#!/bin/sh\\nread first\\necho \"$1: $first\"\\n' > /usr/lib/majordomo/wrapper",
        "chmod 755 /usr/lib/majordomo/wrapper",
    ],
    "7.2": ["echo 'To: fred@far.example' | qmail-inject", "until since | grep ': deferral'; do sleep 0.1; done"],
    "7.3": ["mkdir -p /var/qmail/queue/info/15", "touch -d '6 days ago' /var/qmail/queue/info/15/26902"],
}
# What is printed by what is typed.
SAYS = {
    "1.1": ["From: joe@example.org", "To: fred@example.org"],
    "1.2": ["From: boss@example.org"],
    "1.3": ["Mail-Followup-To: sos@lists.example"],
    "2.1": ["it goes to another host"],
    "2.2": ["192.0.2.25] port 25 gets it"],
    "3.1": ["it stays here", "/Maildir"],
    "4.2": ["ann@post.example"],
    "7.1": ["status: exiting"],
    "7.6": ["/service/qmtwist: up (pid "],
}
# What is so afterwards; `since` is the log of this answer.
CHECKS = {
    "2.4": ["grep -l 'To: bob@dial.example' /var/qmail/alias/pppdir/new/*"],
    "3.2": [
        "since | grep 'to local joe-whatever@example.org'",
        "grep -l '^To: whatever@example.org' ~joe/Maildir/new/*",
    ],
    "3.3": [
        "grep -l '^Delivered-To: joe-org-info@' ~joe/Maildir/new/*",
        "grep '^Delivered-To: joe-net-info@' ~joe/nets",
    ],
    "4.1": ["since | grep 'to remote luser@hub.example'"],
    "4.2": [
        f"since | grep 'to local ann@{HOST}'",
        "since | grep 'to remote fred@far.example'",
        f"since | grep 'from <joe-sos-owner@{HOST}>'",
    ],
    "4.3": ["since | grep 'success: majordomo:_From_joe@'"],
    "4.6": [f"since | grep 'to local P.D.Q.Bach@{HOST}'", f"grep -l '^Delivered-To: joe@{HOST}' ~joe/Maildir/new/*"],
    "7.1": ["tail -n 1 /var/qmail/log | grep '^status: local 0/10'"],
    "7.2": ["test $(since | grep -c 'to remote fred@far.example') -ge 2"],
    "7.3": ["test $(($(date +%s) - $(stat -c %Y /var/qmail/queue/info/15/26902))) -lt 60"],
    "7.6": [
        "test $(grep -c ' status: local 0/10' /service/qmtwist/log/main/current) -ge 2",
        "grep ' status: exiting' /service/qmtwist/log/main/current",
    ],
    "8.1": ["since | grep 'status: local 0/10 remote 0/400'"],
    "8.2": ["grep '^Subject: kept' /var/qmail/alias/msg-log"],
    "8.3": ["grep -l '^Delivered-To: joe@lists.example.org' ~joe/Maildir/new/*"],
}
AFTER = {
    "7.3": ["rm /var/qmail/queue/info/15/26902"],
    "7.6": [
        "svc -dx /service/qmtwist /service/qmtwist/log",
        "until grep -q 'status: exiting' /service/qmtwist/log/main/current; do sleep 0.1; done",
        "kill %?svscan",
        START,
    ],
}
SERVERS = "tests/system/test_howto_servers.py::test_the_commands_of_a_page_work"
MUA = "tests/system/test_promises_mua.py"
ROUTING, ALIASES = "tests/system/test_promises_routing.py", "tests/system/test_promises_aliases.py"
QUEUE = "tests/system/test_promises_queue.py"
# Where an answer without commands, or its page, is tried.
ELSEWHERE = {
    "2.3": f"{ROUTING}::test_the_catch_all_takes_what_is_not_local",
    "2.5": "tests/system/test_remote_dns.py",
    "4.4": "tests/system/test_howto_filters.py::test_procmail_delivers",
    "4.5": "tests/system/test_promises_filters.py::test_preline_filter_works_the_same",
    "4.7": f"{ALIASES}::test_the_default_delivery_may_begin_with_dot_forward",
    "4.8": f"{ALIASES}::test_the_aliases_file_is_active",
    "4.9": f"{ROUTING}::test_only_users_cdb_knows_them",
    "4.10": f"{ROUTING}::test_qmail_getpw",
    **dict.fromkeys(("5.1", "5.2", "5.3", "5.4", "5.5", "5.6"), SERVERS),
    "6.1": f"{MUA}::test_datemail_writes_local_time",
    "6.2": f"{MUA}::test_other_settings_are_command_lines_that_send",
    "6.3": f"{MUA}::test_nmh_sends",
    "6.4": f"{MUA}::test_who_does_not_close_the_pipe_holds_up_nobody",
    "7.4": f"{ROUTING}::test_a_big_network",
    "7.5": f"{QUEUE}::test_a_queue_can_be_copied_and_edited_while_stopped",
    "7.7": "tests/system/test_howto_faq.py::test_an_answer_works",
}


def answers() -> dict[str, str]:
    """The text of each answer."""
    with open(f"{TOP}/docs/howto/faq.md", encoding="utf-8") as stream:
        return dict(SECTION.findall(stream.read()))


def told(number: str) -> list[tuple[str, str]]:
    """Prompt and command of each line that an answer tells to type."""
    lines = [line for block in BLOCK.findall(answers()[number]) for line in block.splitlines()]
    assert all(line[:2] in ("# ", "$ ") for line in lines), "a console block shows commands only"
    return [(line[0], line[2:]) for line in lines]


def test_every_question_has_its_answer_in_order() -> None:
    assert list(answers()) == QUESTIONS


def test_every_answer_is_tried_here_or_elsewhere() -> None:
    typed = [number for number in QUESTIONS if told(number)]
    assert [number for number in QUESTIONS if number not in typed and number not in ELSEWHERE] == []
    assert [number for number in typed if number not in SAYS and number not in CHECKS] == []
    assert [test for test in ELSEWHERE.values() if not exists(test)] == []


class Host:
    """A town with a server, a root shell and, for each answer, a new shell of joe's."""

    def __init__(self, place: Town) -> None:
        self.town = place
        self._log = f"{place.path}/log"
        self._shells: list[subprocess.Popen[str]] = []
        self._lifetime_s = 604800
        for name in ("service", "programs", "kept"):
            os.mkdir(f"{place.top}/{name}")
        with open(f"{place.top}/programs/qmtwist", "w", encoding="ascii") as stream:
            stream.write(
                f'#!/bin/sh\nverb=$1\nshift\nexec {sys.executable} -m qmtwist.cli.main $verb --home {place.path} "$@"\n'
            )
        os.chmod(f"{place.top}/programs/qmtwist", 0o755)
        for service in ("smtp", "pop3"):
            place.write(f"control/listen{service}", "")
        place.write("control/smtproutes", NOWHERE)
        self._keep()
        place.write("log", "")
        self._root = self.shell()

    def start(self) -> None:
        """Start the server."""
        self.type("#", START)

    def shell(self, user: str | None = None) -> subprocess.Popen[str]:
        """A shell of root's or of a user's."""
        place = self.town
        path = f"{place.top}/programs:{place.path}/bin:{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin"
        own = {"HOME": place.directory(user), "USER": user} if user else {}
        shell = subprocess.Popen(
            ["/bin/bash", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=place.directory(user) if user else place.path,
            env={**environment(), **own, "PATH": path},
            start_new_session=True,
            preexec_fn=place.before_exec(user),
        )
        self._shells.append(shell)
        return shell

    def attempt(self, command: str, shell: subprocess.Popen[str] | None = None) -> tuple[int, str]:
        """Type it once."""
        for shown, ours in (("/var/qmail", "home"), ("/run/qmtwist.pid", "pid"), ("/service", "service")):
            command = command.replace(shown, f"{self.town.top}/{ours}")
        command = command.replace("/usr/lib/majordomo/wrapper", f"{self.town.top}/wrapper")
        shell = shell or self._root
        watch = threading.Timer(LIMIT_S, kill_all, [[*tree(shell.pid)]])
        watch.start()
        try:
            return type_into(shell, command)
        finally:
            watch.cancel()

    def type(self, prompt: str, command: str, shell: subprocess.Popen[str] | None = None) -> str:
        """Type it; it must succeed. The server's word about a HUP or a start is waited for."""
        signal = "control: " if "kill -HUP" in command else "status: local 0/10 remote 0/"
        before = self.log().count(signal)
        status, output = self.attempt(command, shell)
        assert status == 0, f"{prompt} {command}\n{output}[exit {status}]\n{self.log()[-2000:]}"
        deadline = time.monotonic() + LIMIT_S
        while ("kill -HUP" in command or command == START) and self.log().count(signal) == before:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.01)
        return output

    def becomes_true(self, command: str) -> None:
        """Type it until it succeeds."""
        deadline = time.monotonic() + LIMIT_S
        while (ended := self.attempt(command))[0]:
            assert time.monotonic() < deadline, f"# {command}\n{ended[1]}\n{self.log()[-3000:]}"
            time.sleep(0.05)

    def log(self) -> str:
        """What the server has said."""
        with open(self._log, encoding="latin-1") as stream:
            return stream.read()

    def _keep(self) -> None:
        for name in KEPT:
            subprocess.run(["cp", "-a", f"{self.town.path}/{name}", f"{self.town.top}/kept/{name}"], check=True)

    def begin(self) -> None:
        """As if nothing had been typed: the first control files, no .qmail files, an empty mailbox."""
        for name in KEPT:
            self.attempt(f"rm -rf /var/qmail/{name}; cp -a {self.town.top}/kept/{name} /var/qmail/{name}")
        # Something always changes, so that the server has something to say about it.
        self._lifetime_s += 1
        self.attempt(f"echo {self._lifetime_s} > /var/qmail/control/queuelifetime")
        self.attempt("rm -rf ~joe/news ~joe/.qmail* ~joe/.lists ~joe/Maildir/new/*")
        self.attempt(f"MARK={os.path.getsize(self._log) + 1}; since() {{ tail -c +$MARK /var/qmail/log; }}")
        self.type("#", "kill -HUP $(cat /run/qmtwist.pid)")

    def leave(self) -> None:
        """End everything."""
        for shell in self._shells:
            kill_all([*tree(shell.pid)])
            shell.wait(LIMIT_S)
            for stream in (shell.stdin, shell.stdout):
                assert stream is not None
                stream.close()


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with town("joe", "ann", host=HOST) as place:
        if not place.is_real:
            pytest.skip("needs root and name spaces: root's and joe's commands are typed")
        made = Host(place)
        try:
            made.start()
            yield made
        finally:
            made.leave()


@pytest.mark.root
@pytest.mark.parametrize("number", [number for number in QUESTIONS if told(number)])
def test_an_answer_works(host: Host, number: str) -> None:
    """S054, S058, S059, S060, S089, S090, S106, S114, S128, S129, S130, S131, S136, S139, S153, S157, S158, S159.

    And S250, S251, S252, S290, S292: what the FAQ says of each.
    """
    host.begin()
    joe = host.shell("joe")
    for command in BEFORE.get(number, []):
        host.type("#", command)
    said = "".join(host.type(prompt, command, joe if prompt == "$" else None) for prompt, command in told(number))
    assert [words for words in SAYS.get(number, []) if words not in said] == [], said
    for command in CHECKS.get(number, []):
        host.becomes_true(command)
    for command in AFTER.get(number, []):
        host.type("#", command)

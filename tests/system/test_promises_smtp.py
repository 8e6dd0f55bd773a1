"""The SMTP service as the documents promise it, by raw dialogues and with the programs that people use."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, running
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
ENVELOPE = ("MAIL FROM:<s@far.example>", f"RCPT TO:<joe@{H}>")


def prepare(made: Town) -> None:
    """Rules by client address: .2 relays, .3 is scanned, .4 is refused, .5 has its own limit, .6 needs fixing."""
    made.alias("postmaster", "./Mailbox\n")
    with open(f"{made.path}/scanner", "w", encoding="ascii") as stream:
        stream.write(
            "#!/bin/sh\nt=$(mktemp) || exit 51\ncat > $t\n"
            f"if grep -q VIRUS $t; then rm $t; exit 31; fi\n{{ echo X-Scanned: yes; cat $t; }} > $t.2\n"
            f"{made.path}/bin/qmail-queue < $t.2\ncode=$?; rm $t $t.2; exit $code\n"
        )
    os.chmod(f"{made.path}/scanner", 0o755)
    made.write(
        "control/tcprules",
        '127.0.0.2:allow,RELAYCLIENT=""\n'
        f'127.0.0.3:allow,QMAILQUEUE="{made.path}/scanner"\n'
        "127.0.0.4:deny\n"
        '127.0.0.5:allow,DATABYTES="0"\n'
        '127.0.0.6:allow,RELAYCLIENT="@fixme"\n'
        ":allow\n",
    )
    made.write("control/databytes", "4000\n")
    made.write("control/badmailfrom", "evil@bad.test\n@worse.test\n")
    made.write("control/virtualdomains", "virtual.example:joe\nfixme:alias-fixup\n")
    made.write("control/rcpthosts", f"{H}\nvirtual.example\n.wild.example\n")
    made.alias("fixup-default", '|qmail-inject -f "$SENDER" -- "$DEFAULT"\n')


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with town("joe", "ann", prepare=prepare) as made, running(Office(made)) as daemon:
        yield daemon


def talk(office: Office, *lines: str | bytes, source: str = "127.0.0.1") -> list[str]:
    """A session: each line is sent when the one before was answered; the replies, each in one piece."""
    replies = []
    with socket.create_connection(("127.0.0.1", office.smtp_port), LIMIT_S, (source, 0)) as connection:
        stream = connection.makefile("rb")

        def reply() -> str:
            text = b""
            while line := stream.readline():
                text += line
                if line[3:4] != b"-":
                    break
            return text.decode("latin-1").rstrip("\r\n")

        replies.append(reply())
        for line in lines:
            connection.sendall((line.encode("latin-1") if isinstance(line, str) else line) + b"\r\n")
            replies.append(reply())
    return replies


def test_the_dialogue_of_the_documents_to_the_letter(office: Office) -> None:
    """S188, S043, S191, S207."""
    said = talk(office, "helo dude", *ENVELOPE, "data", "Subject: testing\r\n\r\nhi\r\n.", "quit")
    assert said[:5] == [f"220 {H} ESMTP", f"250 {H}", "250 ok", "250 ok", "354 go ahead"]
    assert re.fullmatch(r"250 ok \d+ qp \d+", said[5]) and said[6] == f"221 {H}"
    assert b"\nSubject: testing\n\nhi\n" in office.wait_for_messages("joe", 1)[0]


def test_ehlo_offers_pipelining_and_8bitmime(office: Office) -> None:
    """S189, S029: and SIZE, as databytes says."""
    offered = [line[4:] for line in talk(office, "ehlo me")[1].split("\r\n")]
    assert {"PIPELINING", "8BITMIME", "SIZE 4000"} <= set(offered)


def test_sloppy_commands_get_a_clear_reply(office: Office) -> None:
    """S190."""
    said = talk(office, "HELO me", "mail <s@far.example>", "mail from: s@far.example", f"rcpt to: <joe@{H}>", "foo")
    assert said[2][0] in "25" and said[3:5] == ["250 ok", "250 ok"]
    assert said[5] == "502 unimplemented (#5.5.1)"
    assert talk(office, *ENVELOPE)[2] == "250 ok"  # S207: without a greeting, as old user agents do
    assert talk(office, "helo x", "rcpt to:<joe@test.example>")[2] == "503 MAIL first (#5.5.1)"


def test_postmaster_in_any_capitals_and_strangers(office: Office) -> None:
    """S191, S165, S151."""
    said = talk(office, "helo x", "mail from:<>", f"rcpt to:<PoStMaStEr@{H}>", f"rcpt to:<nosuchuser@{H}>")
    assert said[3] == "250 ok" and said[4].startswith("550 ")


def test_mail_is_8_bit_clean(office: Office) -> None:
    """S192: every byte but a bare CR or LF arrives as it was sent, NUL too."""
    body = bytes(code for code in range(256) if code not in (10, 13))
    office.town.forget("ann")
    said = talk(office, "helo x", ENVELOPE[0], f"rcpt to:<ann@{H}>", "data", b"Subject: 8\r\n\r\n" + body + b"\r\n.")
    assert said[-1].startswith("250 ok")
    assert office.wait_for_messages("ann", 1)[0].endswith(b"\n\n" + body + b"\n")


def test_received_lines(office: Office) -> None:
    """S193."""
    office.town.forget("ann")
    talk(office, "helo there", ENVELOPE[0], f"rcpt to:<ann@{H}>", "data", "Subject: r\r\n\r\n.")
    lines = office.wait_for_messages("ann", 1)[0].decode().split("\n")
    date = r"\d+ \w{3} \d{4} \d\d:\d\d:\d\d -0000"
    assert re.fullmatch(rf"Received: \(qmail \d+ invoked from network\); {date}", lines[2])
    assert re.fullmatch(r"Received: from \S+ \(HELO there\) \(127\.0\.0\.1\)", lines[3])
    assert re.fullmatch(rf"  by {H} with SMTP; {date}", lines[4])


def test_too_many_hops(office: Office) -> None:
    """S194."""
    said = talk(office, "helo x", *ENVELOPE, "data", "Received: x\r\n" * 101 + "\r\n.")
    assert said[-1] == "554 too many hops, this message is looping (#5.4.6)"


def test_no_relaying(office: Office) -> None:
    """S195, S042: only rcpthosts, wildcards included; source routes and percent signs open nothing."""
    office.town.alias("out", "&x@away.example\n")
    refusal = "553 sorry, that domain isn't in my list of allowed rcpthosts"
    for recipient in ("x@away.example", "@test.example:x@away.example", "x@sub.virtual.example", "x@wild.example"):
        assert talk(office, "helo x", ENVELOPE[0], f"rcpt to:<{recipient}>")[3].startswith(refusal), recipient
    for recipient in ("x@VIRTUAL.example", "x@a.wild.example", f"out@{H}"):
        assert talk(office, "helo x", ENVELOPE[0], f"rcpt to:<{recipient}>")[3][:3] in ("250", "550"), recipient
    assert talk(office, "helo x", ENVELOPE[0], f"rcpt to:<x%away.example@{H}>")[3].startswith("550")


def test_who_may_relay_is_said_by_rules(office: Office) -> None:
    """S196, S198, S212: RELAYCLIENT for one address, deny for another."""
    assert talk(office, "helo x", ENVELOPE[0], "rcpt to:<x@away.example>", source="127.0.0.2")[3] == "250 ok"
    assert talk(office, "helo x", source="127.0.0.4")[0][:3] in ("", "553")
    assert talk(office, "helo x", ENVELOPE[0], "rcpt to:<x@away.example>", source="127.0.0.7")[3].startswith("553")


def test_relayclient_is_appended_and_the_alias_completes_the_message(office: Office) -> None:
    """S196, S200: the value lands on each recipient; ~alias injects it anew."""
    said = talk(
        office, "helo x", ENVELOPE[0], f"rcpt to:<ann@{H}>", "data", f"To: ann@{H}\r\n\r\n.", source="127.0.0.6"
    )
    assert said[-1].startswith("250")
    office.town.forget("ann")
    office.wait_for_line(f"to local alias-fixup-ann@{H}@fixme")
    (message,) = office.wait_for_messages("ann", 1)
    assert b"\nDate: " in message and b"\nMessage-ID: <" in message


def test_outsiders_cannot_use_the_fixing_domain(office: Office) -> None:
    """S201."""
    assert talk(office, "helo x", ENVELOPE[0], "rcpt to:<x@fixme>")[3].startswith("553")


def test_databytes(office: Office) -> None:
    """S029, S197: a limit, and a client with a limit of its own."""
    letter = "Subject: big\r\n\r\n" + ("x" * 70 + "\r\n") * 100 + "."
    said = talk(office, "helo x", *ENVELOPE, "data", letter)
    assert said[-1] == "552 sorry, that message size exceeds my databytes limit (#5.3.4)"
    assert talk(office, "helo x", *ENVELOPE, "data", letter, source="127.0.0.5")[-1].startswith("250 ok")


def test_badmailfrom(office: Office) -> None:
    """S022."""
    for sender, is_bad in (
        ("evil@bad.test", True),
        ("EVIL@bad.test", True),
        ("x@worse.test", True),
        ("x@bad.test", False),
    ):
        said = talk(office, "helo x", f"mail from:<{sender}>", f"rcpt to:<joe@{H}>")
        refusal = "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)"
        assert said[2:] == ["250 ok", refusal if is_bad else "250 ok"], sender


def test_a_scanner_for_selected_clients(office: Office) -> None:
    """S119, S120: a script in the place of qmail-queue, by a line of the rules."""
    office.town.forget("ann")
    to_ann = ("helo x", ENVELOPE[0], f"rcpt to:<ann@{H}>", "data")
    said = talk(office, *to_ann, "Subject: a VIRUS\r\n\r\n.", source="127.0.0.3")
    assert said[-1].startswith("554 ")
    said = talk(office, *to_ann, "Subject: clean\r\n\r\n.", source="127.0.0.3")
    assert said[-1].startswith("250 ok")
    assert b"\nX-Scanned: yes\n" in office.wait_for_messages("ann", 1)[0]
    assert talk(office, *to_ann, "Subject: another VIRUS\r\n\r\n.")[-1].startswith("250 ok")


def test_rules_and_rcpthosts_are_read_anew(office: Office) -> None:
    """S042, S198: without a restart."""
    path = f"{office.town.path}/control"
    with open(f"{path}/rcpthosts", "a", encoding="ascii") as stream:
        stream.write("late.example\n")
    deadline = time.monotonic() + LIMIT_S  # the server looks once a second
    while talk(office, "helo x", ENVELOPE[0], "rcpt to:<x@late.example>")[3] != "250 ok":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_line_feed_alone_is_refused_and_nothing_is_lost(office: Office) -> None:
    """S243."""
    with socket.create_connection(("127.0.0.1", office.smtp_port), LIMIT_S) as connection:
        stream = connection.makefile("rwb")
        stream.readline()
        for line in (b"HELO x\r\n", b"MAIL FROM:<s@x.example>\r\n", b"RCPT TO:<joe@test.example>\r\n", b"DATA\r\n"):
            stream.write(line)
            stream.flush()
            stream.readline()
        stream.write(b"Subject: x\n\nbody\n.\r\n")
        stream.flush()
        assert stream.readline()[:1] in (b"4", b"5")


def test_many_more_verbs(office: Office) -> None:
    """S208: what is not offered is answered, not hung up on."""
    said = talk(office, "helo x", "ETRN far.example", "VRFY joe", "HELP", "NOOP", "RSET", "QUIT")
    assert [line[:3] for line in said[2:]] == ["502", "252", "214", "250", "250", "221"]


def test_one_connection_too_many_is_told_so_and_the_service_goes_on(office: Office) -> None:
    """S024, S213: concurrencyincoming, without a restart."""
    since = office.mark()
    office.town.write("control/concurrencyincoming", "2\n")
    office.signal(signal.SIGHUP)
    office.wait_for_line("concurrencyincoming", since)
    with contextlib.ExitStack() as held:
        for _ in range(2):
            one = held.enter_context(socket.create_connection(("127.0.0.1", office.smtp_port), LIMIT_S))
            assert one.recv(3) == b"220"
        deadline = time.monotonic() + LIMIT_S  # such lines come once a second at most
        while not any("turned away: too many connections" in line for line in office.log[since:]):
            assert time.monotonic() < deadline
            assert talk(office)[0].startswith("421 ")
            time.sleep(0.05)
    os.unlink(f"{office.town.path}/control/concurrencyincoming")
    since = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("concurrencyincoming", since)
    assert talk(office)[0].startswith("220 ")


def test_the_program_does_as_the_service(office: Office) -> None:
    """S075, S196, S197: qmail-smtpd on descriptors 0 and 1, with the variables of tcp-env."""
    dialogue = "HELO x\r\nMAIL FROM:<s@far.example>\r\nRCPT TO:<x@away.example>\r\nQUIT\r\n"
    more = {"PROTO": "TCP", "TCPREMOTEIP": "192.0.2.1", "TCPLOCALIP": "127.0.0.1", "TCPREMOTEHOST": "far.example"}
    said = office.town.attempt("qmail-smtpd", text=dialogue, more=more).stdout.decode().split("\r\n")
    assert said[0] == f"220 {H} ESMTP" and said[3].startswith("553 sorry, that domain")
    said = (
        office.town.attempt("qmail-smtpd", text=dialogue, more={**more, "RELAYCLIENT": ""})
        .stdout.decode()
        .split("\r\n")
    )
    assert said[3] == "250 ok"


def test_the_program_queues_for_the_running_server(office: Office) -> None:
    """S075, S193, S202: TCPREMOTEINFO stands in Received."""
    office.town.forget("ann")
    dialogue = f"HELO y\r\nMAIL FROM:<s@far.example>\r\nRCPT TO:<ann@{H}>\r\nDATA\r\nSubject: p\r\n\r\n.\r\nQUIT\r\n"
    more = {
        "TCPREMOTEIP": "192.0.2.1",
        "TCPLOCALIP": "127.0.0.1",
        "TCPREMOTEHOST": "far.example",
        "TCPREMOTEINFO": "info",
    }
    said = office.town.attempt("qmail-smtpd", text=dialogue, more=more, user="joe").stdout.decode().split("\r\n")
    assert said[5].startswith("250 ok "), said
    assert b"Received: from far.example (HELO y) (info@192.0.2.1)\n" in office.wait_for_messages("ann", 1)[0]

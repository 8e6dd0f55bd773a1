"""Leaving a list with one click, on a running server, as docs/howto/mailing-lists.md has it."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.daemon import TOP, free_port, running
from tests.support.peers import Peer
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
LIST = f"joe-friends@{H}"
ANN, TOM, FAR = f"ann@{H}", f"tom@{H}", "fred@far.example"
TYPED = re.compile(r"^# echo (\S+) > /var/qmail/(control/\S+)$", re.M)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CLICK = b"List-Unsubscribe=One-Click"
URL = "https://lists.example.org/leave"


class Place(NamedTuple):
    """A server with its two web listeners, and a host far away."""

    office: Office
    ports: dict[str, int]
    far: Peer


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    ports = {"listenhttp": free_port(), "listenhttps": free_port()}
    with Peer() as far:

        def prepare(made: Town) -> None:
            with open(os.path.join(TOP, "docs/howto/mailing-lists.md"), encoding="utf-8") as stream:
                typed = TYPED.findall(stream.read())
            assert [name for _, name in typed] == [f"control/{name}" for name in ("unsubscribeurl", *ports)]
            for text, name in typed:
                port = ports.get(name.rpartition("/")[2])
                text = f"tcp:{port}:interface=127.0.0.1" if port else text
                made.write(name, text + "\n")
            made.write("control/smtproutes", f":{far.route}\n")
            made.run("qmtwist", "tlskey", "--home", made.path)
            if made.is_real:
                shutil.chown(f"{made.path}/control/servercert.pem", 1006)  # qmailq

        with town("joe", "ann", "tom", prepare=prepare) as made, running(Office(made)) as office:
            shell(office, f"ezmlm-make ~/friends ~/.qmail-friends joe-friends {H}; rm ~/friends/dmarc")
            yield Place(office, ports, far)


def shell(office: Office, text: str) -> str:
    """Let joe do this."""
    home, made = office.town.directory("joe"), office.town
    return made.run("/bin/sh", "-c", f"set -e; export HOME={home} PATH={made.path}/bin:$PATH\n{text}", user="joe")


def subscribers(place: Place) -> list[str]:
    return sorted(shell(place.office, "ezmlm-list ~/friends").split())


class Links(NamedTuple):
    """What a copy of a posting offers."""

    link: str
    address: str


def links(text: bytes) -> Links:
    assert b"X-Qmtwist" not in text and text.count(b"List-Unsubscribe:") == 1
    found = re.search(rb"List-Unsubscribe: <(.*)>,\r?\n\t<mailto:(.*)>\r?\nList-Unsubscribe-Post: " + CLICK, text)
    assert found is not None, text[:1000]
    return Links(found[1].decode(), found[2].decode().replace("%3D", "="))


def copy(office: Office, user: str, of: str) -> bytes:
    """What somebody has got of the list, whatever letters there are beside it."""
    mark = f"\nDelivered-To: mailing list {of}\n".encode()
    wait_until(lambda: any(mark in text for text in office.town.messages(user)))
    return next(text for text in office.town.messages(user) if mark in text)


def is_posting(line: str) -> bool:
    """Whether the log says that a posting came into the queue."""
    return line.startswith("info msg") and f"@{H}-@[]> qp" in line


def post(place: Place, text: bytes = b"Subject: hi\n\nbody\n") -> dict[str, bytes]:
    """Send this to the list; everybody's copy."""
    office, before = place.office, len(place.far.messages)
    for user in ("ann", "tom"):
        office.town.forget(user)
    shell(office, f"ezmlm-sub ~/friends {ANN} {TOM} {FAR}")
    since = office.mark()
    office.deliver(LIST, "s@far.example", text)
    wait_until(lambda: len(place.far.messages) > before)
    copies = {name: copy(office, name.partition("@")[0], LIST) for name in (ANN, TOM)}
    entry = office.wait_for(is_posting, since)
    office.wait_for_line(f"end msg {entry.split()[2].rstrip(':')}", since)
    assert sum(map(is_posting, office.log[since:])) == 1  # one entry for all
    return {**copies, FAR: place.far.messages[-1].body}


def ask(place: Place, method: str, link: str, body: bytes = b"", service: str = "listenhttp") -> tuple[int, bytes]:
    """What a mail program or its proxy asks for."""
    assert link.startswith(URL + "/")
    port = place.ports[service]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if service == "listenhttps":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context)
    connection.request(method, link.removeprefix("https://lists.example.org"), body or None, FORM)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def log_of_list(place: Place) -> list[str]:
    return [line.split(" ", 1)[1] for line in place.office.town.read("joe", "friends/Log").splitlines()]


@pytest.mark.parametrize("service", ["listenhttp", "listenhttps"])
def test_one_click_takes_its_owner_off_and_nobody_else(place: Place, service: str) -> None:
    office = place.office
    copies = post(place)
    found = {name: links(text) for name, text in copies.items()}
    assert len({one.link for one in found.values()}) == 3
    assert [name for name, one in found.items() if one.address.endswith(f"-{name.replace('@', '=')}@{H}")] == [*found]
    code, page = ask(place, "GET", found[ANN].link, service=service)
    assert code == 200 and ANN.encode() in page and b"<form" in page
    assert subscribers(place) == [ANN, FAR, TOM]
    office.town.forget("ann")
    assert ask(place, "POST", found[ANN].link, CLICK, service)[0] == 200
    goodbye = b"\nSubject: GOODBYE from "
    wait_until(lambda: any(goodbye in text and b"127.0.0.1" in text for text in office.town.messages("ann")))
    assert subscribers(place) == [FAR, TOM] and log_of_list(place)[-1] == f"-oneclick {ANN}"
    assert ask(place, "POST", found[FAR].link, CLICK, service)[0] == 200
    wait_until(lambda: subscribers(place) == [TOM])
    assert "accepted" in office.wait_for_line(f": {ANN} leaves {LIST}")


def test_the_address_does_it_by_mail(place: Place) -> None:
    address = links(post(place)[TOM]).address
    assert "success" in place.office.deliver(address, "somebody@else.example")
    assert subscribers(place) == [ANN, FAR]
    forged = address.replace("-tom=", "-ann=")
    assert "not_answered" in place.office.deliver(forged, ANN)
    assert subscribers(place) == [ANN, FAR]


def test_a_forged_link_is_none(place: Place) -> None:
    link = links(post(place)[ANN]).link
    for other in (link[:-1], link + "a", URL + "/", link.replace("/leave/", "/leave/b")):
        assert ask(place, "POST", other, CLICK)[0] == 404
    assert ask(place, "POST", link, b"x")[0] == 400
    assert subscribers(place) == [ANN, FAR, TOM]


def test_a_large_posting_has_links_and_its_exact_size(place: Place) -> None:
    body = b"0123456789\n" * 40_000
    copies = post(place, b"Subject: large\n\n" + body)
    for name in (ANN, TOM):
        links(copies[name])
        assert copies[name].endswith(b"\n\n" + body)
    links(copies[FAR])
    sent = place.far.messages[-1]
    size = re.search(rb"SIZE=(\d+)", sent.sender)
    assert sent.body.endswith(body.replace(b"\n", b"\r\n")) and size is not None and int(size[1]) == len(sent.body)


def test_small_ones_have_their_exact_size_too(place: Place) -> None:
    post(place)
    sent = place.far.messages[-1]
    size = re.search(rb"SIZE=(\d+)", sent.sender)
    assert size is not None and int(size[1]) == len(sent.body)


def test_a_list_without_the_file_has_its_old_field(place: Place) -> None:
    shell(place.office, "mv ~/friends/oneclick ~/kept")
    try:
        text = post(place)[ANN]
    finally:
        shell(place.office, "mv ~/kept ~/friends/oneclick")
    assert f"List-Unsubscribe: <mailto:joe-friends-unsubscribe@{H}>".encode() in text and CLICK not in text


def test_a_link_to_a_posting_of_another_list_does_not_come_through(place: Place) -> None:
    personal = b"List-Unsubscribe: <https://x.example/1>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    text = post(place, personal + b"X-Qmtwist-One-Click: " + b"a" * 64 + b"\nSubject: hi\n\nbody\n")[ANN]
    assert links(text) and b"x.example" not in text


def test_links_outlive_a_restart(place: Place) -> None:
    link = links(post(place)[ANN]).link
    place.office.stop()
    place.office.start()
    assert ask(place, "POST", link, CLICK)[0] == 200
    wait_until(lambda: ANN not in subscribers(place))


def test_links_follow_a_reload(place: Place) -> None:
    office = place.office
    for url in ("https://other.example/x", URL):
        since = office.mark()
        office.town.write("control/unsubscribeurl", url + "\n")
        office.signal(signal.SIGHUP)
        office.wait_for_line("control/unsubscribeurl", since)
        assert links(post(place)[ANN]).link.startswith(url + "/")


def test_a_digest_has_links_of_its_own(place: Place) -> None:
    """Who leaves the digest stays on the list."""
    office = place.office
    shell(office, "mkdir -p ~/friends/digest/subscribers ~/friends/digest/bounce")
    shell(office, f"ezmlm-sub ~/friends/digest {ANN} {TOM}")
    post(place)
    for user in ("ann", "tom"):
        office.town.forget(user)
    shell(office, "ezmlm-get ~/friends")
    mark = b"\nDelivered-To: responder for joe-friends-digest@"
    wait_until(lambda: all(any(mark in text for text in office.town.messages(user)) for user in ("ann", "tom")))
    found, other = (links(next(text for text in office.town.messages(user) if mark in text)) for user in ("ann", "tom"))
    assert found.address.startswith("joe-friends-digest-uo.") and other != found
    assert ask(place, "POST", found.link, CLICK)[0] == 200
    wait_until(lambda: shell(office, "ezmlm-list ~/friends/digest") == f"{TOM}\n")
    assert subscribers(place) == [ANN, FAR, TOM]

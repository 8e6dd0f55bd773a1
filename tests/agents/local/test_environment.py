"""agents/local/environment: the variables of qmail-command, and nothing of the server's."""

from __future__ import annotations

import pytest

from qmtwist.agents.local import environment


def variables(**changes: object) -> dict[bytes, bytes]:
    delivery: dict[str, object] = {
        "user": b"joe", "home": b"/home/joe", "local": b"joe-a", "ext": b"a", "host": b"host.example",
        "sender": b"s@x", "new_sender": b"n@x", "default": None, "now": 1795238029,
    }  # fmt: skip
    return environment.delivery(**(delivery | changes))  # type: ignore[arg-type]


def test_every_variable_of_a_delivery() -> None:
    assert variables() == {
        b"SENDER": b"s@x",
        b"NEWSENDER": b"n@x",
        b"RECIPIENT": b"joe-a@host.example",
        b"USER": b"joe",
        b"HOME": b"/home/joe",
        b"LOCAL": b"joe-a",
        b"HOST": b"host.example",
        b"HOST2": b"host",
        b"HOST3": b"host",
        b"HOST4": b"host",
        b"EXT": b"a",
        b"EXT2": b"",
        b"EXT3": b"",
        b"EXT4": b"",
        b"DTLINE": b"Delivered-To: joe-a@host.example\n",
        b"RPLINE": b"Return-Path: <s@x>\n",
        b"UFLINE": b"From s@x Sat Nov 21 05:13:49 2026\n",
    }


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        (b"one.two.three.four.example", (b"one.two.three.four", b"one.two.three", b"one.two")),
        (b"a.b", (b"a", b"a", b"a")),
        (b"localhost", (b"localhost", b"localhost", b"localhost")),
        (b"", (b"", b"", b"")),
        (b".x", (b"", b"", b"")),
        (b"a.b.c", (b"a.b", b"a", b"a")),
    ],
)
def test_host2_to_4_drop_what_follows_a_dot_as_long_as_there_is_one(host: bytes, parts: tuple[bytes, ...]) -> None:
    found = variables(host=host)
    assert (found[b"HOST2"], found[b"HOST3"], found[b"HOST4"]) == parts


@pytest.mark.parametrize(
    ("ext", "parts"),
    [
        (b"b-c-d", (b"c-d", b"d", b"")),
        (b"a-b-c-d-E", (b"b-c-d-E", b"c-d-E", b"d-E")),
        (b"", (b"", b"", b"")),
        (b"--", (b"-", b"", b"")),
    ],
)
def test_ext2_to_4_begin_after_a_dash(ext: bytes, parts: tuple[bytes, ...]) -> None:
    found = variables(ext=ext)
    assert (found[b"EXT"], found[b"EXT2"], found[b"EXT3"], found[b"EXT4"]) == (ext, *parts)


def test_default_is_set_only_when_a_default_file_matched() -> None:
    assert b"DEFAULT" not in variables()
    assert variables(default=b"")[b"DEFAULT"] == b""
    assert variables(default=b"B-c")[b"DEFAULT"] == b"B-c"


@pytest.mark.parametrize(
    ("sender", "line"),
    [
        (b"", b"Return-Path: <>\n"),
        (b"#@[]", b"Return-Path: <#@[]>\n"),
        (b"a b\tc@x", b'Return-Path: <"a b\tc"@x>\n'),
        (b'we"ird\\user@x', b'Return-Path: <"we\\"ird\\\\user"@x>\n'),
        (b"a\nb@x", b'Return-Path: <"a\\_b"@x>\n'),
        (b"a@x\ny", b"Return-Path: <a@x_y>\n"),
    ],
)
def test_the_sender_is_quoted_for_a_header_line(sender: bytes, line: bytes) -> None:
    assert environment.return_path(sender) == line


def test_the_servers_environment_stays_with_the_server() -> None:
    inherited = {b"PATH": b"/bin", b"DEFAULT": b"leak", b"SECRET": b"x", b"LD_PRELOAD": b"y", b"HOME": b"/root"}
    assert environment.clean(inherited, b"/var/qmail") == {
        b"PATH": b"/var/qmail/bin:/bin",
        b"QMTWIST_HOME": b"/var/qmail",
    }


def test_what_queueing_and_printing_need_is_kept() -> None:
    kept = {b"QMAILQUEUE": b"/q", b"TZ": b"UTC", b"LANG": b"C.UTF-8", b"LC_ALL": b"C"}
    found = environment.clean(kept, b"/h")
    assert {name: found[name] for name in kept} == kept


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, b"/h/bin:/usr/bin:/bin"),
        (b"", b"/h/bin:/usr/bin:/bin"),
        (b"/x:/bin", b"/h/bin:/x:/bin"),
        (b"/x:/h/bin", b"/x:/h/bin"),
    ],
)
def test_our_programs_are_found_first_unless_the_administrator_placed_them(path: bytes | None, expected: bytes) -> None:
    inherited = {} if path is None else {b"PATH": path}
    assert environment.clean(inherited, b"/h")[b"PATH"] == expected

"""The pages that people see who follow a link for leaving a list. They need no script, and nothing from elsewhere."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha256
from html import escape

from .oneclick import BODY, Leaving

_STYLE = """
:root { color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem }
h1 { font-size: 1.4rem }
b { overflow-wrap: anywhere }
button { font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .4rem; color: #fff; background: #1d5fa8 }
button:hover, button:focus { background: #144680 }
"""
_POLICY = (
    b"default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-%s'"
    % b2a_base64(sha256(_STYLE.encode()).digest(), newline=False)
)
FIELDS: tuple[tuple[bytes, bytes], ...] = (
    (b"Content-Type", b"text/html; charset=utf-8"),
    (b"Content-Security-Policy", _POLICY),
    (b"Cache-Control", b"no-store"),
    (b"Referrer-Policy", b"no-referrer"),  # the link is a secret
    (b"X-Content-Type-Options", b"nosniff"),
    (b"X-Frame-Options", b"DENY"),
    (b"X-Robots-Tag", b"noindex"),
)
"""What the header of every answer says."""
_NAME, _, _VALUE = BODY.decode().partition("=")


def question(who: Leaving) -> bytes:
    """Before anything happens: a button."""
    return _page(
        "Leave this mailing list?",
        f"""<p>List: <b>{_shown(who.list)}</b><br>Your address: <b>{_shown(who.target)}</b></p>
<form method="post"><input type="hidden" name="{_NAME}" value="{_VALUE}"><button>Unsubscribe</button></form>""",
    )


def farewell(who: Leaving) -> bytes:
    """What is said when the wish is on its way to the list."""
    return _page(
        "You are leaving the list",
        f"<p><b>{_shown(who.target)}</b> is being taken off <b>{_shown(who.list)}</b>.</p>"
        "<p>A message confirms it. There is nothing else that you have to do.</p>",
    )


def refusal(words: str) -> bytes:
    """Nothing has happened, because of this."""
    return _page("That did not work", f"<p>{escape(words)}</p>")


def _shown(address: bytes) -> str:
    return escape(address.decode("utf-8", "replace"))


def _page(title: str, body: str) -> bytes:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    ).encode()

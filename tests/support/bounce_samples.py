"""Bounces in the forms of the hosts of today, for these recipients: what each of them writes, with names of ours."""

from __future__ import annotations

RETURNED = b"Return-Path: <list-return-7-@h.dom>\nFrom: bob@b.example\nSubject: hi\n\nbody\n"


def postfix(*failed: tuple[bytes, bytes], late: bytes = b"") -> bytes:
    """Postfix 3: `failed` has where the message was sent, and where it went."""
    mark = b"4Xyz1q0Abcz9.1763000000/mx.far.example"
    groups = [
        b"Final-Recipient: rfc822; %s\nOriginal-Recipient: rfc822;%s\nAction: failed\nStatus: 5.1.1\n"
        b"Remote-MTA: dns; in.far.example\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n" % (final, original)
        for original, final in failed
    ]
    if late:
        groups.append(b"Final-Recipient: rfc822; %s\nAction: delayed\nStatus: 4.4.1\n\n" % late)
    text = b"".join([b"<%s>: host in.far.example said: 550 5.1.1\n" % final for _, final in failed])
    return (
        b"Received: by mx.far.example (Postfix)\n\tid 4Xyz1q0Abcz9; Wed, 29 Apr 2026 23:45:32 +0900 (JST)\n"
        b"From: MAILER-DAEMON@mx.far.example (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\n"
        b"To: list-return-7-@h.dom\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="%s"\n'
        b"Content-Transfer-Encoding: 8bit\n\nThis is a MIME-encapsulated message.\n\n--%s\n"
        b"Content-Description: Notification\nContent-Type: text/plain; charset=utf-8\n\n"
        b"This is the mail system at host mx.far.example.\n\n%s\n--%s\n"
        b"Content-Description: Delivery report\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; mx.far.example\nX-Postfix-Queue-ID: 4Xyz1q0Abcz9\n"
        b"X-Postfix-Sender: rfc822; list-return-7-@h.dom\n\n%s--%s\n"
        b"Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n%s\n--%s--\n"
    ) % (mark, mark, text, mark, b"".join(groups), mark, RETURNED, mark)


def exim(*failed: bytes, is_new: bool = True) -> bytes:
    """Exim: since 4.80 with parts, before with a field in the header alone."""
    start = (
        b"Received: from Debian-exim by mx.far.example with local (Exim 4.96)\n\tid 1tAbCd-000000001Ab-0Xyz\n"
        b"\tfor list-return-7-@h.dom; Wed, 29 Apr 2026 23:34:45 +0900\nX-Failed-Recipients: %s\n"
        b"Auto-Submitted: auto-replied\nFrom: Mail Delivery System <Mailer-Daemon@mx.far.example>\n"
        b"To: list-return-7-@h.dom\n%sSubject: Mail delivery failed: returning message to sender\n\n"
    )
    text = b"This message was created automatically by mail delivery software.\n\n" + b"".join(
        [b"  %s\n    host in.far.example [192.0.2.1]: 550 5.1.1 no such user\n" % address for address in failed]
    )
    names = b",\n  ".join(failed)
    if not is_new:
        copy = b"------ This is a copy of the message, including all the headers. ------\n\n"
        return start % (names, b"") + text + b"\n" + copy + RETURNED
    mark = b"1763000000-eximdsn-1804289383"
    kind = b"Content-Type: multipart/report; report-type=delivery-status; boundary=%s\nMIME-Version: 1.0\n" % mark
    groups = b"".join(
        [b"Action: failed\nFinal-Recipient: rfc822;%s\nStatus: 5.0.0\n\n" % address for address in failed]
    )
    return start % (names, kind) + (
        b"--%s\nContent-type: text/plain; charset=us-ascii\n\n%s\n--%s\nContent-type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; mx.far.example\n\n%s--%s\nContent-type: message/rfc822\n\n%s\n--%s--\n"
    ) % (mark, text, mark, groups, mark, RETURNED, mark)


def exchange(address: bytes) -> bytes:
    """Exchange and Microsoft 365: the text is parts in a part, and fields are folded where they please."""
    outer, inner = b"00000000-eeee-2222-a0000dddd000", b"_000_ff002222222222bbcd_"
    return (
        b"From: <postmaster@far.example>\nTo: <list-return-7-@h.dom>\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="%s"\n'
        b"X-MS-Exchange-Message-Is-Ndr:\nSubject: Undeliverable: hi\nAuto-Submitted: auto-replied\n\n"
        b'--%s\nContent-Type: multipart/alternative; differences=Content-Type;\n\tboundary="%s"\n\n'
        b"--%s\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\n"
        b"Delivery has failed to these recipients or groups:\n\n%s<mailto:%s>\n\n"
        b"--%s\nContent-Type: text/html; charset=us-ascii\n\n<p>Delivery has failed</p>\n\n--%s--\n\n"
        b"--%s\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns;EX1.far.example\nReceived-From-MTA: dns;h.dom\n"
        b"\n \nFinal-Recipient: rfc822;\n %s\nAction: failed\nStatus: 5.1.10\n"
        b"Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient\n not found\n\n"
        b"--%s\nContent-Type: message/rfc822\n\n%s\n--%s--\n"
    ) % (outer, outer, inner, inner, address, address, inner, inner, outer, address, outer, RETURNED, outer)


def qmail(*failed: bytes) -> bytes:
    """qmail-send, netqmail, notqmail and we."""
    paragraphs = b"".join([b"<%s>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n" % address for address in failed])
    return (
        b"From: MAILER-DAEMON@far.example\nTo: list-return-7-@h.dom\nSubject: failure notice\n\n"
        b"Hi. This is the qmail-send program at far.example.\nI'm afraid I wasn't able to deliver your message to the "
        b"following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n%s"
        b"--- Below this line is a copy of the message.\n\n%s" % (paragraphs, RETURNED)
    )


def sendmail(*failed: bytes) -> bytes:
    """Sendmail 8."""
    mark = b"w2J7x1aB012345.1763000000/mx.far.example"
    groups = b"".join(
        [
            b"Final-Recipient: RFC822; %s\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: SMTP; 550 5.1.1 <%s>... "
            b"User unknown\nLast-Attempt-Date: Wed, 29 Apr 2026 23:34:45 +0900\n\n" % (address, address)
            for address in failed
        ]
    )
    return (
        b"From: Mail Delivery Subsystem <MAILER-DAEMON@mx.far.example>\nTo: <list-return-7-@h.dom>\nMIME-Version: 1.0\n"
        b'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="%s"\n'
        b"Subject: Returned mail: see transcript for details\nAuto-Submitted: auto-generated (failure)\n\n"
        b"This is a MIME-encapsulated message\n\n--%s\n\nThe original message was received from h.dom\n\n"
        b"--%s\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.far.example\n\n%s"
        b"--%s\nContent-Type: text/rfc822-headers\n\n%s\n--%s--\n"
    ) % (mark, mark, mark, groups, mark, RETURNED, mark)

"""Whether a certificate bears one of the names asked for. (RFC 9525 §6)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from .relay import parse_literal

if TYPE_CHECKING:
    from service_identity.hazmat import CertificatePattern, ServiceID

SHOWN_NAMES = 3


def mismatch(hosts: Sequence[str], addresses: Sequence[str], wanted: Sequence[bytes]) -> str:
    """Why the certificate is for none of the names; empty if it is for one of them.

    `hosts` and `addresses` are its subjectAltName, as written; what is malformed there counts for nothing. `wanted`
    are host names in ASCII and address literals in brackets. The common name of the subject is not looked at.

    >>> mismatch(["*.far.example"], [], [b"far.example", b"mx.far.example"])
    ''
    >>> mismatch(["mx.other.example"], [], [b"far.example"])
    'certificate is for mx.other.example, not for far.example'
    """
    patterns = [*_patterns(hosts, is_host=True), *_patterns(addresses, is_host=False)]
    if any(service.verify(pattern) for service in _services(wanted) for pattern in patterns):
        return ""
    borne = [*hosts, *addresses]
    shown = ", ".join(borne[:SHOWN_NAMES]) + (", ..." if len(borne) > SHOWN_NAMES else "")
    asked = " or ".join(name.decode("ascii", "backslashreplace") for name in wanted)
    return f"certificate is for {shown}, not for {asked}" if borne else f"certificate names no host, not even {asked}"


def _patterns(written: Iterable[str], is_host: bool) -> Iterable[CertificatePattern]:
    from ipaddress import ip_address

    from service_identity import CertificateError
    from service_identity.hazmat import DNSPattern, IPAddressPattern

    for name in written:
        try:
            if is_host:
                yield DNSPattern.from_bytes(name.encode("ascii"))
            else:
                yield IPAddressPattern.from_bytes(ip_address(name).packed)
        except (CertificateError, ValueError):
            continue


def _services(wanted: Iterable[bytes]) -> Iterable[ServiceID]:
    from ipaddress import ip_address

    from service_identity.hazmat import DNS_ID, IPAddress_ID

    for name in wanted:
        packed = parse_literal(name)
        try:
            yield DNS_ID(name.decode("ascii")) if packed is None else IPAddress_ID(str(ip_address(packed)))
        except ValueError:
            continue  # no certificate can bear it

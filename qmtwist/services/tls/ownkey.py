"""Our own certificate and its key, as control/tlscert and control/tlskey name them, for servers and clients alike."""

from __future__ import annotations

from OpenSSL import SSL


class Unusable(Exception):
    """There is no TLS with that certificate and key; says why, in words for the log."""


def use_certificate(context: SSL.Context, certificate_path: str, key_path: str) -> None:
    """Let a context show the certificate (and what follows it in its file).

    :raises Unusable: a file cannot be read, is no PEM file of that kind, or the key is another certificate's.
    """
    for path in (certificate_path, key_path):
        try:
            with open(path, "rb"):  # OpenSSL does not say what it could not read
                pass
        except OSError as trouble:
            raise Unusable(f"{path} cannot be read: {trouble.strerror}") from trouble
    try:
        context.use_certificate_chain_file(certificate_path)
    except SSL.Error as trouble:
        raise Unusable(f"{certificate_path} has no certificate in PEM") from trouble
    try:
        context.use_privatekey_file(key_path)
        context.check_privatekey()
    except SSL.Error as trouble:
        raise Unusable(f"{key_path} has no key in PEM that belongs to the certificate") from trouble

"""qmtwist: qmail, whole, on Twisted."""

__version__ = "0.1.0"

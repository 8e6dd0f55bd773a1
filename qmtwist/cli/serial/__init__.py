"""serialmail: mail that waits in a maildir for a host that is not always there."""

"""The local agent: root's rights kept apart, and everything that is done as a mailbox's owner."""

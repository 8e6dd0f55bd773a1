"""What reads mailboxes: POP3 on two descriptors, passwords, maildirs watched."""

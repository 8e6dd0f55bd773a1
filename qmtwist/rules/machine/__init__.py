"""The machine that a mail system is put into: its accounts, its other mail servers, its ports, its name."""

"""ucspi-tcp: servers and clients of TCP, and what stands between them and a program."""

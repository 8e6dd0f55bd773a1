"""TCP connections for programs. (ucspi-tcp)"""

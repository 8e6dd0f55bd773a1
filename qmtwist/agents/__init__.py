"""Rung 6: the couriers: programs that change uid and run users' programs. No Twisted."""

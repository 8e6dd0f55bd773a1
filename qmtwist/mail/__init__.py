"""Rung 1: the things everybody else talks about. No I/O."""

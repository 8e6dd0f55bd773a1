"""Rung 6: the hall: everything that has a reactor."""

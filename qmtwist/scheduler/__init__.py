"""Rung 3: the timetable: what is tried when, and how many at once."""

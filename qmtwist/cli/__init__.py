"""Rung 7: the programs; they alone read argv and print for people."""

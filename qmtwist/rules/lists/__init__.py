"""Mailing lists: who is on one, what is done with a message to one, what it answers. (ezmlm)"""

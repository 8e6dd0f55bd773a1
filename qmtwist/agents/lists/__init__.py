"""Mailing lists: what their programs do with a message on descriptor 0. (ezmlm)"""

"""The directory of a mailing list on disk. (ezmlm)"""

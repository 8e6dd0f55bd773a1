"""Where a message rests: files in qmail's exact formats."""

"""Programs of mailing lists."""

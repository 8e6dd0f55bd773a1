"""An archive of letters as pages for a browser: what they say and how they look. Nothing here reads or writes files."""

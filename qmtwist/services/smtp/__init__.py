"""SMTP and OFMIP: sessions, what they are answered, and mail that waits for a client."""

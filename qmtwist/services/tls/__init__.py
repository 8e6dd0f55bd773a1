"""TLS, of clients and to other hosts."""

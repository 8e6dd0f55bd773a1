"""Who may come in, how many at a time, and what their address says about them."""

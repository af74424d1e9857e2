"""Services of reporting: the only writers."""

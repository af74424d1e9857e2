"""Services of inbox: the only writers."""

"""Services of campaigns: the only writers."""

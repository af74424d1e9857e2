"""Facts, reports, the client portal."""

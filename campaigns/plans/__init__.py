"""The plan: its schema, its validity, and the pure interpreter that runs it. Pure."""

"""EmailBison as the sandbox plays it (docs/providers/emailbison.md)."""

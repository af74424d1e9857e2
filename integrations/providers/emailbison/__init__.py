"""EmailBison: e-mail campaigns that an EmailBison instance runs (docs/providers/emailbison.md)."""

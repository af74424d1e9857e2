"""Resend: e-mail, foremost the installation's own (docs/providers/resend.md)."""

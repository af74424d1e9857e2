"""Any mailbox: what leaves goes by SMTP, what comes in is read by IMAP (docs/providers/mailbox.md)."""

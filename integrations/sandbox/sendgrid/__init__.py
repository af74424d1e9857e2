"""SendGrid v3 as docs/providers/sendgrid.md describes it: sends, signed webhooks, inbound mail, lists, identities."""

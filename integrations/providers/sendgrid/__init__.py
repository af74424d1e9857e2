"""SendGrid v3 (docs/providers/sendgrid.md): sends e-mail, and tells by signed webhooks what becomes of it."""

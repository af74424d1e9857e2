"""Resend as the sandbox plays it: e-mails with idempotency keys, Svix-signed webhooks."""

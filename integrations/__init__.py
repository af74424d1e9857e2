"""Providers, connections, senders, webhooks, sync, outbox, rate limits, sandbox."""

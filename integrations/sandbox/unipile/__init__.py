"""Unipile API v1 as docs/providers/unipile.md describes it: LinkedIn seats, invitations, chats, webhooks."""

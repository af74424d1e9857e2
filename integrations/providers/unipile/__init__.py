"""Unipile API v1: LinkedIn accounts, invitations and messages. Facts: ``docs/providers/unipile.md``."""

"""Conversations, triage, replies, live streams."""

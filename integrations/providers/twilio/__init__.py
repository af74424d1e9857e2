"""Twilio: text messages (docs/providers/twilio.md)."""

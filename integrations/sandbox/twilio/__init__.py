"""Twilio as the sandbox plays it: numbers, services, texts, callbacks, people who answer and opt out."""

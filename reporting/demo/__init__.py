"""The demo organization: made through the same services as everything else, against the provider sandbox."""

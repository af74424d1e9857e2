"""What the adapters of providers that run campaigns have in common: lenient bodies, errors, tokens, steps."""

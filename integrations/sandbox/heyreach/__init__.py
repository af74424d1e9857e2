"""HeyReach as the sandbox plays it (docs/providers/heyreach.md)."""

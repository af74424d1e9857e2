"""HeyReach: LinkedIn campaigns that HeyReach runs (docs/providers/heyreach.md)."""

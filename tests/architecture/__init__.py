"""Rules that hold across the code base."""

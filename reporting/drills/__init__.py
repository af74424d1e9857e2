"""Fault drills: a small outreach is run twice, undisturbed and struck, and both have to end the same."""

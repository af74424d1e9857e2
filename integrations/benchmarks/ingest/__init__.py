"""How many webhook events are taken in, and applied, in a second."""

"""Campaigns as their providers run them: what Smartlead, EmailBison and HeyReach of the sandbox have in common."""

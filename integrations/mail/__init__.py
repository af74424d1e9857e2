"""Internet mail as such, whoever carries it: building what leaves (``building``) and reading what comes in
(``inbound``).

No Django, no network. Everything that is read here was written by strangers and may be hostile.
"""

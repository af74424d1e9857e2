"""The ``fanout`` benchmark: many sockets of one organization, the real server against a bare loop."""

"""What an adapter can do, a protocol to each capability; ``integrations.base`` is the door to all of them."""

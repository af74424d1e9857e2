"""The provider sandbox: a stand-in for the outside world, spoken to over real HTTP.

It answers the providers' APIs, plays the prospects, sends the webhooks and breaks on demand. It imports
nothing of the product and knows nothing about it; ``docs/sandbox.md`` documents how to drive it.
"""

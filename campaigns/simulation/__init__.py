"""The wind tunnel: the real interpreter, calendars, limits and texts on a virtual clock. Pure.

``campaigns.simulation.model`` is what goes in, ``machine`` runs one seed, ``forecast`` runs several and sums up.
Nothing here reads a clock or a database.
"""

"""The rooms are tested together in the world of campaigns."""

from tests.campaigns.conftest import world

__all__ = ["world"]

"""Tables of reporting."""

from reporting.models.facts import Fact

__all__ = ["Fact"]

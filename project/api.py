"""The JSON API ``/api/v1``: composes the routers of the rooms."""

from __future__ import annotations

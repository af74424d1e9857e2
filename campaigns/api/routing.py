"""The one router that the modules of this package register their operations with."""

from __future__ import annotations

from ninja import Router

router = Router()

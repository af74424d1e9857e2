"""Operations of the JSON API: the answers of reports that are kept."""

from __future__ import annotations

from typing import Any

from ninja import Router, Schema

from project.tenancy.access import Permission
from project.tenancy.api_auth import ApiRequest, api_rule
from reporting.services import response_cache

router = Router()


class ResponseCacheOut(Schema):
    """How often an answer was there and how often it had to be made, and how long one is kept at most, in seconds."""

    hits: int
    misses: int
    seconds: int


def _told() -> dict[str, int]:
    return {**response_cache.statistics(), "seconds": response_cache.SECONDS}


@router.get("/analytics/cache", response=ResponseCacheOut, tags=["Analytics"])
@api_rule(Permission.OPS_VIEW, whole=True)
def get_response_cache(request: ApiRequest) -> Any:
    """What keeping answers is worth."""
    return _told()


@router.delete("/analytics/cache", response=ResponseCacheOut, tags=["Analytics"])
@api_rule(Permission.OPS_ACT, whole=True)
def purge_response_cache(request: ApiRequest) -> Any:
    """Let no kept answer of the organization be used any more."""
    response_cache.purge(access=request.access)
    return _told()

"""Connection pools: one library client per name and trust, shared by all threads of a process."""

from __future__ import annotations

import os
import threading
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from project.core.http.guard import PublicOnlyTransport

USER_AGENT: Final = "OutboundEngineX/1.0"
_LIMITS: Final = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=15.0)

_pools: dict[tuple[str, bool], httpx.Client] = {}
_lock = threading.Lock()


def pool_for(name: str, *, allow_private: bool) -> httpx.Client:
    """Return the pooled client of ``name``: to public addresses only, unless ``allow_private``."""
    key = (name, allow_private)
    with _lock:
        client = _pools.get(key)
        if client is None:
            client = _pools[key] = _new_client(allow_private=allow_private)
        return client


def _new_client(*, allow_private: bool) -> httpx.Client:
    transport = (
        httpx.HTTPTransport(limits=_LIMITS, trust_env=False)
        if allow_private
        else PublicOnlyTransport(limits=_LIMITS)
    )
    return httpx.Client(
        transport=transport,
        # A pool serves many tenants: a cookie set for one must never travel with another's request.
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"User-Agent": USER_AGENT},
        follow_redirects=False,
        trust_env=False,
    )


def close_pools() -> None:
    """Close all pooled connections; later calls open new ones."""
    with _lock:
        for client in _pools.values():
            client.close()
        _pools.clear()


def _forget_after_fork() -> None:
    """Drop the parent's sockets in a forked worker without closing them for the parent."""
    global _lock  # noqa: PLW0603 -- another thread of the parent may have held it at the fork
    _lock = threading.Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget_after_fork)

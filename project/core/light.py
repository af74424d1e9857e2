"""A WSGI door for addresses that machines call often: their views without the site's middleware.

No session, no template, no signal that gives the database connection back: a thread keeps its own between calls. Only
for views that need nothing of all that and prove by themselves who calls (``project.wsgi`` says which).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import structlog
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, connection
from django.http import HttpResponse
from django.urls import Resolver404, ResolverMatch, get_resolver

log = structlog.get_logger(__name__)

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
#: A status with its reason, headers, and the body.
Answer = tuple[str, list[tuple[str, str]], bytes]
_PLAIN: Final = "text/plain; charset=utf-8"


class LightDoor:
    """Serves the views of one module of addresses (``urlconf``, below ``prefix``).

    ``on_first_call`` prepares the process; at least once, before it serves its first call. ``shortcut`` answers what is
    called most often from the environment alone, as its view would, or leaves it to the view with ``None``.
    """

    def __init__(
        self,
        prefix: str,
        urlconf: str,
        *,
        on_first_call: Callable[[], None],
        shortcut: Callable[[dict[str, Any]], Answer | None],
    ) -> None:
        self.prefix = prefix
        self._shortcut = shortcut
        self._on_first_call = on_first_call
        self._is_prepared = False
        # Machines call the same few addresses all the time. What is no address is not remembered.
        self._resolve: Callable[[str], ResolverMatch] = lru_cache(maxsize=1024)(get_resolver(urlconf).resolve)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one call."""
        if not self._is_prepared:
            self._on_first_call()
            self._is_prepared = True
        status, headers, content = self._answer(environ)
        start_response(status, headers)
        return [content]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        response: HttpResponse | Answer = self._guarded(
            lambda: self._shortcut(environ) or self._view(environ)
        )
        if isinstance(response, tuple):
            return response
        return f"{response.status_code} {response.reason_phrase}", list(response.items()), response.content

    def _view(self, environ: dict[str, Any]) -> HttpResponse:
        request = WSGIRequest(environ)
        try:
            found = self._resolve("/" + request.path_info.removeprefix(self.prefix))
            response: HttpResponse = found.func(request, *found.args, **found.kwargs)
            return response
        except Resolver404:
            return HttpResponse("unknown address", status=404, content_type=_PLAIN)
        finally:
            # What was not read of the body must not be taken for the next request on the same connection.
            request.close()

    def _guarded(self, answer: Callable[[], HttpResponse | Answer]) -> HttpResponse | Answer:
        try:
            return answer()
        except SuspiciousOperation:
            return HttpResponse("it cannot be stored", status=400, content_type=_PLAIN)
        except Error:
            log.exception("light.database_failed", path=self.prefix)
            connection.close()
            headers = {"Retry-After": "5"}
            return HttpResponse("not ready", status=503, content_type=_PLAIN, headers=headers)
        except Exception:
            log.exception("light.broke", path=self.prefix)
            return HttpResponse("error", status=500, content_type=_PLAIN)

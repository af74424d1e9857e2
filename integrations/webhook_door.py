"""The shortcut of a genuine call: from the WSGI environment to the intake without a request object.

It answers what ``views_webhooks.receive`` answers. What is unusual (another method, an odd address, a body of unknown
or too great a length) is left to the view.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http.request import HttpHeaders
from django.utils.encoding import iri_to_uri

from integrations import registry
from integrations.services import intake
from project.core.light import Answer
from project.tenancy.middleware import client_address

_ADDRESS: Final = re.compile(r"/webhooks/([-a-zA-Z0-9_]+)/([-a-zA-Z0-9_]+)")
_PLAIN: Final = ("Content-Type", "text/plain; charset=utf-8")
_header_name = lru_cache(maxsize=1024)(HttpHeaders.parse_header_name)


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a call by the names that ``request.headers`` has, each worked out once for all calls."""
    named = ((_header_name(key), value) for key, value in environ.items())
    return {name: value for name, value in named if name}


def take(environ: dict[str, Any]) -> Answer | None:
    """Take in a call; ``None`` where its view has to."""
    path = environ["PATH_INFO"]
    address = _ADDRESS.fullmatch(path)
    length = environ.get("CONTENT_LENGTH") or ""
    if address is None or environ["REQUEST_METHOD"] != "POST" or not length.isdecimal():
        return None
    provider, key = address.groups()
    size = int(length)
    if size > intake.max_bytes(provider) or environ.get("SCRIPT_NAME"):
        return None
    answer = intake.receive(
        provider=provider,
        key=key,
        read=lambda limit: _call(environ, path, size),
        address=lambda: client_address(WSGIRequest(environ)) or "",
    )
    return _told(answer, words=registry.answers_with_words(provider))


def _call(environ: dict[str, Any], path: str, size: int) -> intake.Call:
    body = environ["wsgi.input"].read(size)
    query = environ.get("QUERY_STRING")
    url = f"{settings.WEBHOOK_BASE_URL}{path}{'?' + (iri_to_uri(query) or '') if query else ''}"
    return intake.Call(headers=headers_of(environ), body=body, size=max(len(body), size), url=url)


def _told(answer: intake.Answer, *, words: bool) -> Answer:
    headers = [_PLAIN]
    if answer.retry_after:
        headers.append(("Retry-After", str(answer.retry_after)))
    content = answer.word.encode() if words else b""
    return f"{answer.status} {HTTPStatus(answer.status).phrase}", headers, content

"""Unipile over HTTP: address, token, bodies and errors. Knows nothing of what the answers mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.unipile import errors
from integrations.providers.unipile.fields import PROVIDER, format_time, load_object
from integrations.values import OutgoingAttachment, Raw
from project.core.http import HttpClient, HttpError, client_for

API_PATH: Final = "/api/v1"
MAX_PAGE: Final = 250
"""Largest page of most lists; a few take more or less (docs/providers/unipile.md, section 1)."""
_TIMEOUT_S: Final = 45.0
#: Writes of one account wait for LinkedIn itself, which takes its time.
_SEND_TIMEOUT_S: Final = 60.0

Params = Sequence[tuple[str, str]]


def normalise_dsn(value: str) -> str:
    """Return a DSN as scheme, host and port (and a path prefix, if any) without ``/api/v1``.

    People paste it with or without scheme, twice, with a trailing slash or with the API path. Raises
    ``ProviderError`` of kind ``config``.
    """
    found = value.strip()
    scheme = "https"
    while "://" in found:
        first, _, rest = found.partition("://")
        if first.lower() in {"http", "https"}:
            scheme = first.lower()
        found = rest
    found = found.rstrip("/").removesuffix(API_PATH).rstrip("/")
    try:
        parts = urlsplit(f"{scheme}://{found}")
        valid = bool(parts.hostname) and parts.port != 0 and not parts.username and not parts.query
    except ValueError:
        valid = False
    if not valid or " " in found:
        raise ProviderError(
            ErrorKind.CONFIG,
            "The address is not a Unipile DSN such as api8.unipile.com:13443.",
            provider=PROVIDER,
        )
    return f"{scheme}://{found}"


def same_origin(first: str, second: str) -> bool:
    """Say whether two base URLs have the same scheme, host and port."""
    one, two = urlsplit(first), urlsplit(second)
    return (one.scheme, one.hostname, one.port) == (two.scheme, two.hostname, two.port)


class UnipileClient:
    """Requests to one DSN with one token. Every failure leaves as ``ProviderError``.

    ``trusted_base_url`` is the operator's own address, the only one that may be on a private network.
    """

    def __init__(
        self, *, api_key: str, base_url: str, trusted_base_url: str = "", breaker_key: str = ""
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._trusted_base_url = trusted_base_url
        self._breaker_key = breaker_key or PROVIDER
        self._http: HttpClient | None = None

    @property
    def dsn(self) -> str:
        """The normalised address. Raises ``ProviderError`` of kind ``config``."""
        return normalise_dsn(self._base_url)

    @property
    def http(self) -> HttpClient:
        """The HTTP client, built on first use: parsing webhooks needs neither token nor address."""
        if self._http is None:
            if not self._api_key:
                raise ProviderError(ErrorKind.AUTH, "The access token is missing.", provider=PROVIDER)
            trusted = bool(self._trusted_base_url) and same_origin(
                self.dsn, normalise_dsn(self._trusted_base_url)
            )
            self._http = client_for(
                PROVIDER,
                base_url=f"{self.dsn}{API_PATH}",
                headers={"X-API-KEY": self._api_key, "Accept": "application/json"},
                timeout=_TIMEOUT_S,
                breaker_key=self._breaker_key,
                allow_private=trusted,
            )
        return self._http

    def get(self, path: str, *, account_id: str = "", params: Params = ()) -> Raw:
        """Read an object."""
        return self._call("GET", path, account_id, params=params)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        account_id: str = "",
        send: bool = False,
        invitation: bool = False,
    ) -> Raw:
        """Post JSON. ``send`` marks what may reach a person."""
        return self._call("POST", path, account_id, json=dict(body), send=send, invitation=invitation)

    def post_form(
        self,
        path: str,
        fields: Params,
        attachments: Sequence[OutgoingAttachment] = (),
        *,
        account_id: str = "",
    ) -> Raw:
        """Post multipart/form-data; a repeated field is a list. Always a send."""
        # httpx only writes multipart for ``files``; a part without a file name is a plain field.
        parts: list[tuple[str, Any]] = [(name, (None, value.encode())) for name, value in fields]
        parts += [("attachments", (item.name, item.content, item.mime_type)) for item in attachments]
        return self._call("POST", path, account_id, files=parts, send=True)

    def patch(self, path: str, body: Mapping[str, Any], *, account_id: str = "") -> Raw:
        """Change something."""
        return self._call("PATCH", path, account_id, json=dict(body))

    def delete(self, path: str, *, account_id: str = "", params: Params = ()) -> Raw:
        """Remove something."""
        return self._call("DELETE", path, account_id, params=params)

    @contextmanager
    def stream(self, path: str, *, max_bytes: int) -> Iterator[Iterator[bytes]]:
        """Read bytes piece by piece, at most ``max_bytes``."""
        try:
            with self.http.stream(path, max_bytes=max_bytes, timeout=_TIMEOUT_S) as answer:
                if answer.status < 300:
                    yield answer.chunks
                    return
                refusal = httpx.Response(answer.status, content=b"".join(answer.chunks))
        except HttpError as error:
            raise errors.from_transport(error) from error
        raise errors.from_response(refusal, self.http.redactor)

    def _call(
        self,
        method: str,
        path: str,
        account_id: str,
        *,
        send: bool = False,
        invitation: bool = False,
        **options: Any,
    ) -> Raw:
        key = f"{self._breaker_key}:{account_id}" if account_id else self._breaker_key
        try:
            response = self.http.request(
                method, path, breaker_key=key, timeout=_SEND_TIMEOUT_S if send else None, **options
            )
        except HttpError as error:
            raise errors.from_transport(error, send=send) from error
        # Some routes are documented with 200 and observed with 201: any 2xx is a yes.
        if not response.is_success:
            raise errors.from_response(response, self.http.redactor, send=send, invitation=invitation)
        return self._body(response, send=send)

    def _body(self, response: httpx.Response, *, send: bool) -> Raw:
        """Parse a 2xx answer. An accepted send whose answer cannot be read is not known to have gone out."""
        try:
            return load_object(response.content)
        except ProviderError:
            raise ProviderError(
                ErrorKind.INDETERMINATE if send else ErrorKind.UNAVAILABLE,
                "Unipile's answer cannot be read.",
                provider=PROVIDER,
                status=response.status_code,
                raw_type="unreadable_answer",
                detail=self.http.redactor.text(response.text[:200]),
                if_not_sent=ErrorKind.UNAVAILABLE if send else None,
            ) from None


def segment(value: str) -> str:
    """Return an id as one path segment, whatever is in it. An empty one would be another route."""
    if not value or value in {".", ".."}:
        raise ProviderError(ErrorKind.VALIDATION, "An id is missing.", provider=PROVIDER)
    return quote(value, safe="")


def paging(cursor: str | None, limit: int, most: int = MAX_PAGE) -> list[tuple[str, str]]:
    """Return the query of a page; ``limit`` is cut to what the route takes."""
    params = [("limit", str(max(1, min(limit, most))))]
    if cursor:
        params.append(("cursor", cursor))
    return params


def window(after: datetime | None, before: datetime | None) -> list[tuple[str, str]]:
    """Return the query of a time window, both ends exclusive."""
    return [
        (name, format_time(value))
        for name, value in (("after", after), ("before", before))
        if value is not None
    ]

"""SendGrid over HTTP: address, key, bodies and errors. Knows nothing of what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.sendgrid import errors
from integrations.providers.sendgrid.fields import PROVIDER, load, mapping, objects
from integrations.values import Raw
from project.core.http import HttpClient, HttpError, client_for

API_PATH: Final = "/v3"
_TIMEOUT_S: Final = 20.0
_SEND_TIMEOUT_S: Final = 30.0

Params = Sequence[tuple[str, str]]


def normalise_base_url(value: str) -> str:
    """Return an address without a trailing slash and ``/v3``. Raises ``ProviderError`` of kind ``config``."""
    found = value.strip().rstrip("/").removesuffix(API_PATH).rstrip("/")
    if "://" not in found:
        found = f"https://{found}"
    try:
        parts = urlsplit(found)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or " " in found or "@" in found:
        raise ProviderError(
            ErrorKind.CONFIG,
            "The address is not one of SendGrid's, such as https://api.sendgrid.com.",
            provider=PROVIDER,
        )
    return found


class SendGridClient:
    """Requests with one API key. Every failure leaves as ``ProviderError``.

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
    def http(self) -> HttpClient:
        """The HTTP client, built on first use: parsing webhooks needs neither key nor address."""
        if self._http is None:
            if not self._api_key:
                raise ProviderError(ErrorKind.AUTH, "The API key is missing.", provider=PROVIDER)
            base = normalise_base_url(self._base_url)
            trusted = bool(self._trusted_base_url) and base == normalise_base_url(self._trusted_base_url)
            self._http = client_for(
                PROVIDER,
                base_url=f"{base}{API_PATH}",
                headers={"Authorization": f"Bearer {self._api_key}", "Accept": "application/json"},
                timeout=_TIMEOUT_S,
                breaker_key=self._breaker_key,
                # The client masks the whole header value; the bare key may stand in an answer too.
                redact=(self._api_key,),
                allow_private=trusted,
            )
        return self._http

    def get(self, path: str, params: Params = ()) -> Raw:
        """Read an object."""
        return mapping(self._json(self._call("GET", path, params=params)))

    def get_list(self, path: str, params: Params = ()) -> list[Raw]:
        """Read a list, bare or below ``result`` or ``results``."""
        found = self._json(self._call("GET", path, params=params))
        if isinstance(found, dict):
            found = found.get("results", found.get("result"))
        return objects(found)

    def post(self, path: str, body: Mapping[str, Any]) -> Raw:
        """Post an object that reaches nobody."""
        return mapping(self._json(self._call("POST", path, json=dict(body))))

    def send(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        """Post what may reach a person: once, and uncertain if no answer comes."""
        return self._call("POST", path, send=True, json=dict(body))

    def patch(self, path: str, body: Mapping[str, Any]) -> Raw:
        """Change something."""
        return mapping(self._json(self._call("PATCH", path, json=dict(body))))

    def delete(self, path: str) -> None:
        """Remove something."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str, *, send: bool = False, **options: Any) -> httpx.Response:
        try:
            response = self.http.request(
                method,
                path,
                breaker_key=self._breaker_key,
                timeout=_SEND_TIMEOUT_S if send else None,
                **options,
            )
        except HttpError as error:
            raise errors.from_transport(error, send=send) from error
        if not response.is_success:
            raise errors.from_response(response, self.http.redactor, send=send)
        return response

    def _json(self, response: httpx.Response) -> Any:
        """Parse a 2xx answer; an empty one is ``{}``."""
        if not response.content.strip():
            return {}
        try:
            return load(response.content)
        except ProviderError:
            raise ProviderError(
                ErrorKind.UNAVAILABLE,
                "SendGrid's answer cannot be read.",
                provider=PROVIDER,
                status=response.status_code,
                raw_type="unreadable_answer",
                detail=self.http.redactor.text(response.text[:200]),
            ) from None


def segment(value: str) -> str:
    """Return an id or address as one path segment. An empty one would be another route."""
    if not value or value in {".", ".."}:
        raise ProviderError(ErrorKind.VALIDATION, "An id is missing.", provider=PROVIDER)
    return quote(value, safe="@")

"""Resend over HTTP: address, key, bodies and errors. Knows nothing of what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.resend import errors
from integrations.providers.resend.fields import PROVIDER, load_object
from integrations.values import Raw
from project.core.http import HttpClient, HttpError, client_for

_TIMEOUT_S: Final = 20.0


class ResendClient:
    """Requests with one key. Every failure leaves as ``ProviderError``.

    ``trusted_base_url`` is the operator's own address, the only one that may be on a private network.
    """

    def __init__(
        self, *, api_key: str, base_url: str, trusted_base_url: str = "", breaker_key: str = ""
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url.strip().rstrip("/")
        self._trusted = trusted_base_url.strip().rstrip("/")
        self._breaker_key = breaker_key or PROVIDER
        self._http: HttpClient | None = None

    @property
    def http(self) -> HttpClient:
        """The HTTP client, built on first use: reading webhooks needs neither key nor address.

        It names itself in ``User-Agent`` as all our clients do; Resend refuses requests that do not.
        """
        if self._http is None:
            if not self._api_key:
                raise ProviderError(ErrorKind.AUTH, "The API key is missing.", provider=PROVIDER)
            if urlsplit(self._base_url).scheme not in {"http", "https"}:
                raise ProviderError(
                    ErrorKind.CONFIG, "The address of Resend is not a web address.", provider=PROVIDER
                )
            self._http = client_for(
                PROVIDER,
                base_url=self._base_url,
                headers={"Authorization": f"Bearer {self._api_key}", "Accept": "application/json"},
                timeout=_TIMEOUT_S,
                breaker_key=self._breaker_key,
                allow_private=bool(self._trusted) and self._base_url == self._trusted,
            )
        return self._http

    def get(self, path: str, params: Sequence[tuple[str, str]] = ()) -> Raw:
        """Read an object."""
        return self._call("GET", path, params=list(params) or None)

    def send(self, path: str, body: Mapping[str, Any], *, key: str) -> Raw:
        """Post what reaches people, with the key that makes the same request again harmless for a day."""
        return self._call("POST", path, json=dict(body), headers={"Idempotency-Key": key}, send=True)

    def _call(self, method: str, path: str, *, send: bool = False, **options: Any) -> Raw:
        try:
            response = self.http.request(method, path, **options)
        except HttpError as error:
            raise errors.from_transport(error, send=send) from error
        if not response.is_success:
            raise errors.from_response(response, self.http.redactor, send=send)
        try:
            return load_object(response.content)
        except ProviderError:
            # An accepted send whose answer cannot be read is not known to have gone out.
            raise ProviderError(
                ErrorKind.INDETERMINATE if send else ErrorKind.UNAVAILABLE,
                "Resend's answer cannot be read.",
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

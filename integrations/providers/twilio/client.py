"""Twilio over HTTP: addresses, sign-in, forms, pages and errors. Knows nothing of what the answers mean."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from integrations.errors import ErrorKind, ProviderError
from integrations.providers.twilio import errors
from integrations.providers.twilio.fields import PROVIDER, load_object, objects, text
from integrations.values import Raw
from project.core.http import HttpClient, HttpError, client_for

API_VERSION: Final = "2010-04-01"
MAX_PAGE: Final = 1000
_TIMEOUT_S: Final = 20.0
_FORM: Final = "application/x-www-form-urlencoded"

Params = Sequence[tuple[str, str]]


class TwilioClient:
    """Requests with one account's credentials. Every failure leaves as ``ProviderError``.

    The API of messages is at ``base_url``; the API of services (A2P) is at the same address with ``messaging.`` for
    ``api.``. ``trusted_base_url`` is the operator's own address, the only one that may be on a private network.
    """

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        self.account_sid = str(credentials.get("account_sid") or "")
        key = str(credentials.get("api_key_sid") or "")
        self._user = key or self.account_sid
        self._password = str(credentials.get("api_key_secret" if key else "auth_token") or "")
        self._base_url = base_url.strip().rstrip("/")
        self._trusted = trusted_base_url.strip().rstrip("/")
        self._breaker_key = breaker_key or PROVIDER
        self._clients: dict[str, HttpClient] = {}

    @property
    def http(self) -> HttpClient:
        """The client of the API of messages."""
        return self._client(self._base_url)

    @property
    def services(self) -> HttpClient:
        """The client of the API of messaging services."""
        return self._client(self._base_url.replace("://api.", "://messaging.", 1))

    def _client(self, base_url: str) -> HttpClient:
        """Build on first use: reading webhooks needs neither credentials nor an address."""
        if base_url not in self._clients:
            if not (self._user and self._password and self.account_sid):
                raise ProviderError(
                    ErrorKind.AUTH, "The account SID or the token is missing.", provider=PROVIDER
                )
            if urlsplit(base_url).scheme not in {"http", "https"}:
                raise ProviderError(
                    ErrorKind.CONFIG, "The address of Twilio is not a web address.", provider=PROVIDER
                )
            token = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            self._clients[base_url] = client_for(
                PROVIDER,
                base_url=base_url,
                headers={"Authorization": f"Basic {token}", "Accept": "application/json"},
                timeout=_TIMEOUT_S,
                breaker_key=self._breaker_key,
                allow_private=bool(self._trusted) and self._base_url == self._trusted,
            )
        return self._clients[base_url]

    def account_path(self, path: str) -> str:
        """Return the path of something of this account in the API of messages."""
        return f"/{API_VERSION}/Accounts/{segment(self.account_sid)}{path}"

    def get(self, path: str, params: Params = ()) -> Raw:
        """Read an object of the API of messages. ``path`` begins with ``/Messages`` and the like."""
        return self._call(self.http, "GET", self.account_path(path), params=list(params))

    def post(self, path: str, fields: Params, *, send: bool = False, recipient: str = "") -> Raw:
        """Post a form to the API of messages. ``send`` marks what may reach ``recipient``."""
        return self._call(
            self.http, "POST", self.account_path(path), fields=fields, send=send, recipient=recipient
        )

    def get_service(self, path: str, params: Params = ()) -> Raw:
        """Read an object of the API of services; ``path`` begins with ``/v1``."""
        return self._call(self.services, "GET", path, params=list(params))

    def post_service(self, path: str, fields: Params) -> Raw:
        """Post a form to the API of services."""
        return self._call(self.services, "POST", path, fields=fields)

    def pages(self, path: str, name: str, params: Params, *, most: int) -> Iterator[list[Raw]]:
        """Yield the pages of a list of the API of messages. Raises ``ProviderError`` where more than ``most`` follow:
        a list that is cut says nothing about what is not in it.
        """
        raw = self.get(path, params)
        for _ in range(most):
            yield objects(raw.get(name))
            following = text(raw, "next_page_uri")
            if not following:
                return
            raw = self._call(self.http, "GET", following)
        raise ProviderError(ErrorKind.UNAVAILABLE, "The list at Twilio is too long.", provider=PROVIDER)

    def _call(
        self,
        http: HttpClient,
        method: str,
        path: str,
        *,
        params: list[tuple[str, str]] | None = None,
        fields: Params = (),
        send: bool = False,
        recipient: str = "",
    ) -> Raw:
        options: dict[str, Any] = {"params": params} if params else {}
        if method == "POST":
            options |= {"content": urlencode(list(fields)).encode(), "headers": {"Content-Type": _FORM}}
        try:
            response = http.request(method, path, **options)
        except HttpError as error:
            raise errors.from_transport(error, send=send) from error
        if not response.is_success:
            raise errors.from_response(response, http.redactor, send=send, recipient=recipient)
        try:
            return load_object(response.content)
        except ProviderError:
            # An accepted send whose answer cannot be read is not known to have gone out.
            raise ProviderError(
                ErrorKind.INDETERMINATE if send else ErrorKind.UNAVAILABLE,
                "Twilio's answer cannot be read.",
                provider=PROVIDER,
                status=response.status_code,
                raw_type="unreadable_answer",
                detail=http.redactor.text(response.text[:200]),
                if_not_sent=ErrorKind.UNAVAILABLE if send else None,
            ) from None


def segment(value: str) -> str:
    """Return an id as one path segment, whatever is in it. An empty one would be another route."""
    if not value or value in {".", ".."}:
        raise ProviderError(ErrorKind.VALIDATION, "An id is missing.", provider=PROVIDER)
    return quote(value, safe="")

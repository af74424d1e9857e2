"""JSON over HTTP as campaign providers speak it, and every failure as ``ProviderError``.

A ``Vendor`` says what is special: how an answer that claims success tells of a refusal, and what its messages mean.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from integrations.errors import ErrorKind, ProviderError
from integrations.outreach.fields import load_lenient, mapping
from project.core.http import (
    AddressRefusedError,
    CircuitOpenError,
    HttpClient,
    HttpError,
    RequestRateExceededError,
    ResponseTooLargeError,
    TimeoutExceededError,
    client_for,
    parse_retry_after,
)

_TIMEOUT_S: Final = 30.0
_K = ErrorKind
_TELLS_SUCCESS: Final = re.compile(
    r"\s*(ok|done|true|success\w*)\b|.*\bsuccessfully\b", re.IGNORECASE | re.DOTALL
)
_TELLS_FAILURE: Final = re.compile(r"\b(not|error|fail\w*)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a vendor's message means. ``retry_after`` (seconds) is our choice where the vendor says nothing."""

    kind: ErrorKind
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One provider's ways of answering.

    ``words``    parts of its messages (lower case) -> rule; asked in this order, before the status.
    ``said``     reads its message out of a body.
    ``refused``  says whether a 2xx body is a refusal after all.
    ``pause``    seconds to wait after 429 without ``Retry-After``.
    """

    kind: str
    label: str
    words: Mapping[str, Rule] = field(default_factory=dict)
    said: Callable[[Any], str]
    refused: Callable[[Any], bool] = lambda body: False
    hint: Callable[[Any], float | None] = lambda body: None
    pause: float = 2.0

    def error(self, kind: ErrorKind, message: str, **facts: Any) -> ProviderError:
        """Build an error of this provider."""
        return ProviderError(kind, message, provider=self.kind, **facts)

    def by_status(self, status: int) -> Rule:
        """What a status means where no message tells."""
        label = self.label
        known = {
            400: Rule(_K.VALIDATION, f"{label} does not accept the request."),
            401: Rule(_K.AUTH, f"{label} does not accept the key."),
            # About one thing: a key that is good for nothing answers 401, and checks of credentials tell the rest.
            403: Rule(
                _K.CONFLICT, f"The key may not do this at {label}: it may belong to another workspace."
            ),
            404: Rule(_K.NOT_FOUND, f"{label} does not have this."),
            405: Rule(_K.UNSUPPORTED, f"{label} does not offer this here."),
            408: Rule(_K.TIMEOUT, f"{label} did not answer in time."),
            409: Rule(_K.CONFLICT, f"This contradicts the state at {label}."),
            413: Rule(_K.VALIDATION, "The request is too large."),
            422: Rule(_K.VALIDATION, f"{label} does not accept the content."),
            429: Rule(_K.RATE_LIMITED, f"{label} takes no more requests at once.", self.pause),
            501: Rule(_K.UNSUPPORTED, f"{label} does not offer this."),
            504: Rule(_K.TIMEOUT, f"{label} did not answer in time."),
        }
        if status in known:
            return known[status]
        if status >= 500:
            return Rule(_K.UNAVAILABLE, f"{label} is not available at the moment.")
        if 300 <= status < 400:
            return Rule(_K.CONFIG, f"{label} redirects the request. Check the address of the connection.")
        return Rule(_K.UNKNOWN, f"{label} refused the request.")


class JsonClient:
    """Requests with one connection's credentials; builds its HTTP client on first use."""

    def __init__(
        self,
        vendor: Vendor,
        *,
        key: str,
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> None:
        self.vendor = vendor
        self._key = key
        self._base_url = base_url.strip().rstrip("/")
        self._trusted = trusted_base_url.strip().rstrip("/")
        self._breaker_key = breaker_key or vendor.kind
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._query = dict(query or {})
        self._http: HttpClient | None = None

    @property
    def http(self) -> HttpClient:
        """The HTTP client. Kind ``auth`` without a key, ``config`` without a usable address."""
        if self._http is None:
            if not self._key:
                raise self.vendor.error(_K.AUTH, f"The {self.vendor.label} key is missing.")
            if urlsplit(self._base_url).scheme not in {"http", "https"}:
                problem = f"The address of {self.vendor.label} is missing or is not a web address."
                raise self.vendor.error(_K.CONFIG, problem)
            self._http = client_for(
                self.vendor.kind,
                base_url=self._base_url,
                headers=self._headers,
                timeout=_TIMEOUT_S,
                breaker_key=self._breaker_key,
                redact=[self._key],
                allow_private=bool(self._trusted) and self._base_url == self._trusted,
            )
        return self._http

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read. Tried again by the HTTP client on 429, 5xx and transport failures."""
        return self.call("GET", path, params=params)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | Sequence[tuple[str, str]] | None = None,
        json: Any = None,
        once: bool = False,
    ) -> Any:
        """Send a request and return its body: JSON, text, or ``None`` if it is empty.

        ``once`` marks what must not be done twice: an answer that leaves open whether it was done is kind
        ``indeterminate``.
        """
        pairs = (
            params if isinstance(params, Sequence) else [(k, _written(v)) for k, v in (params or {}).items()]
        )
        sent = [*self._query.items(), *pairs]
        try:
            response = self.http.request(method, path, params=sent or None, json=json)
        except HttpError as error:
            raise self._from_transport(error, once) from error
        body = load_lenient(response.content)
        if not response.is_success or self.vendor.refused(body):
            raise self._from_response(response, body, once)
        return body

    def _from_response(self, response: httpx.Response, body: Any, once: bool) -> ProviderError:
        status = response.status_code
        said = self.vendor.said(body)
        lower = said.lower()
        rule = next((rule for words, rule in self.vendor.words.items() if words in lower), None)
        if rule is None or status == 429:
            # A refusal that comes as success is a matter of content.
            rule = self.vendor.by_status(status if not response.is_success else 400)
        is_page = response.is_success and said.lstrip().startswith("<")
        if is_page:
            rule = Rule(_K.UNAVAILABLE, f"{self.vendor.label} answered with a page instead of data.")
        kind, if_not_sent = rule.kind, None
        if once and (is_page or status == 408 or status >= 500) and kind in {_K.UNAVAILABLE, _K.TIMEOUT}:
            kind, if_not_sent = _K.INDETERMINATE, _K.UNAVAILABLE
        wait = parse_retry_after(response.headers.get("Retry-After")) or self.vendor.hint(body)
        redactor = self.http.redactor
        message = rule.message
        if kind is _K.VALIDATION and said and not said.lstrip().startswith("<"):
            message = f"{message} It says: {redactor.text(said, 200)}"
        return self.vendor.error(
            kind,
            message,
            status=status,
            detail=redactor.text(said or response.text[:200]),
            retry_after=wait or rule.retry_after,
            if_not_sent=if_not_sent,
        )

    def _from_transport(self, error: HttpError, once: bool) -> ProviderError:
        label = self.vendor.label
        retry_after: float | None = None
        if_not_sent: ErrorKind | None = None
        if isinstance(error, AddressRefusedError):
            kind, message = _K.CONFIG, str(error)
        elif isinstance(error, CircuitOpenError | RequestRateExceededError):
            kind, message = _K.UNAVAILABLE, f"{label} is not available at the moment."
            retry_after = error.retry_after
        elif once and error.maybe_sent:
            kind, if_not_sent = _K.INDETERMINATE, _K.UNAVAILABLE
            message = f"It is not known whether {label} did this."
        elif isinstance(error, ResponseTooLargeError):
            kind, message = _K.VALIDATION, f"What {label} sent is larger than we accept."
        elif isinstance(error, TimeoutExceededError):
            kind, message = _K.TIMEOUT, f"{label} did not answer in time."
        else:
            kind, message = _K.UNAVAILABLE, f"{label} cannot be reached."
        return self.vendor.error(
            kind,
            message,
            raw_type=type(error).__name__,
            detail=str(error),
            retry_after=retry_after,
            if_not_sent=if_not_sent,
        )


def is_odd_text(body: Any) -> bool:
    """Whether a 2xx body is text that tells of no success: an error in words, or a page of something in between."""
    if not isinstance(body, str) or not body:
        return False
    return bool(_TELLS_FAILURE.search(body)) or not _TELLS_SUCCESS.match(body)


def _written(value: Any) -> str:
    """Return a query value as text; truths in lower case, as the vendors write them."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def segment(value: str, vendor: Vendor) -> str:
    """Return an id as one path segment, whatever is in it. An empty one would be another route."""
    if not value or value in {".", ".."}:
        raise vendor.error(_K.VALIDATION, "An id is missing.")
    return quote(value, safe="")


def number_id(value: str, vendor: Vendor) -> int:
    """Return an id as the number that the vendor wants in bodies. Kind ``not_found`` for one that is none."""
    if not (value.isascii() and value.isdigit()):
        raise vendor.error(_K.NOT_FOUND, f"{vendor.label} does not have this.")
    return int(value)


def said_in(body: Any) -> str:
    """Return the message in any of the error shapes of the campaign providers; ``""`` if there is none."""
    if isinstance(body, str):
        return body
    raw = mapping(body)
    for name in ("message", "errorMessage", "error", "detail", "title"):
        value = raw.get(name)
        if isinstance(value, str) and value:
            return value + _fields_of(raw.get("errors"))
        if isinstance(value, dict) and said_in(value):
            return said_in(value)
    return (
        said_in(raw["data"]) if isinstance(raw.get("data"), dict) else _fields_of(raw.get("errors")).strip()
    )


def _fields_of(errors: Any) -> str:
    """Return the complaints of a validation answer (``{"field": ["..."]}``) as words."""
    found = [
        str(item) for items in mapping(errors).values() for item in (items if isinstance(items, list) else [])
    ]
    return f" {' '.join(found)}" if found else ""

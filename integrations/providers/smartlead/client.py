"""Smartlead over HTTP: key in the query, the shapes of its errors, and lists that refuse to be paged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.outreach.client import JsonClient, Rule, Vendor, is_odd_text, said_in
from integrations.outreach.fields import count, mapping

PROVIDER: Final = "smartlead"
_K = ErrorKind
_REFUSES_PAGING: Final = ("limit", "offset")


def _refused(body: Any) -> bool:
    """A 2xx that is a refusal: ``ok`` or ``success`` is false, or there is an ``error`` and nothing else to say.

    Text is one, too, unless it tells of a success (taking somebody out is answered by the word alone).
    """
    if is_odd_text(body):
        return True
    raw = mapping(body)
    if raw.get("ok") is False or raw.get("success") is False:
        return True
    return bool(raw.get("error")) and "ok" not in raw and "success" not in raw


def _hint(body: Any) -> float | None:
    seconds = count(mapping(mapping(body).get("error")), "retry_after")
    return float(seconds) if seconds and seconds > 0 else None


VENDOR: Final = Vendor(
    kind=PROVIDER,
    label="Smartlead",
    said=said_in,
    refused=_refused,
    hint=_hint,
    words={
        "api key": Rule(_K.AUTH, "Smartlead does not accept the key."),
        "rate limit": Rule(_K.RATE_LIMITED, "Smartlead takes no more requests at once.", 2.0),
        "campaign not found": Rule(_K.NOT_FOUND, "Smartlead does not have this campaign."),
        "lead not found": Rule(_K.NOT_FOUND, "Smartlead does not have this lead."),
        "while active": Rule(_K.CONFLICT, "The campaign is running. Pause it first."),
    },
)


class SmartleadClient(JsonClient):
    """Requests with one key. The key is part of every address: the HTTP client keeps queries out of logs."""

    def __init__(
        self,
        *,
        credentials: Mapping[str, str],
        base_url: str,
        trusted_base_url: str = "",
        breaker_key: str = "",
    ) -> None:
        key = str(credentials.get("api_key") or "").strip()
        super().__init__(
            VENDOR,
            key=key,
            base_url=base_url,
            trusted_base_url=trusted_base_url,
            breaker_key=breaker_key,
            query={"api_key": key},
        )

    def paged(self, path: str, params: Mapping[str, Any]) -> tuple[Any, bool]:
        """Read a page; where the account's API refuses ``limit``, read the whole list instead.

        Returns the body and whether it is a page (mission P5).
        """
        try:
            return self.get(path, params), True
        except ProviderError as error:
            detail = error.detail.lower()
            refuses = any(name in detail for name in _REFUSES_PAGING) and "not allowed" in detail
            if error.kind is not ErrorKind.VALIDATION or not refuses:
                raise
        kept = {name: value for name, value in params.items() if name not in _REFUSES_PAGING}
        return self.get(path, kept), False

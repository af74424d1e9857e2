"""HeyReach over HTTP: reads by POST, empty successes, and text where the key is of the wrong scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from integrations.errors import ErrorKind, ProviderError
from integrations.outreach.client import JsonClient, Rule, Vendor, is_odd_text, said_in

PROVIDER: Final = "heyreach"
_K = ErrorKind
#: What an account answers that does not have a route, or has it with another method.
NO_ROUTE: Final = frozenset({_K.NOT_FOUND, _K.UNSUPPORTED})
#: Rows that it gives out at once; more are refused.
MOST: Final = 100


def _refused(body: Any) -> bool:
    """Text with a 2xx: an organization's key answers everyday routes with a sentence about workspaces."""
    return is_odd_text(body)


VENDOR: Final = Vendor(
    kind=PROVIDER,
    label="HeyReach",
    said=said_in,
    refused=_refused,
    words={
        "workspace": Rule(
            _K.AUTH, "This is HeyReach's key of an organization; the key of a workspace is needed."
        ),
        "not present in the campaign": Rule(_K.NOT_FOUND, "This person is not in the campaign."),
        "draft campaign": Rule(_K.CONFLICT, "The campaign is a draft; HeyReach wants it started first."),
    },
)


class HeyReachClient(JsonClient):
    """Requests with the key of one workspace."""

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
            headers={"X-API-KEY": key},
        )

    def query(self, path: str, body: Mapping[str, Any]) -> Any:
        """Read by POST, or by GET where the account wants that (405). Kinds of ``NO_ROUTE`` if it has neither."""
        try:
            return self.call("POST", path, json=dict(body))
        except ProviderError as error:
            if error.status != 405:
                raise
        plain = {name: value for name, value in body.items() if isinstance(value, str | int)}
        return self.get(path, plain)

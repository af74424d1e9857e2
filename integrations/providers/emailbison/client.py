"""EmailBison over HTTP: an instance of its own for each customer, envelopes, pages of 15."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from integrations.errors import ErrorKind
from integrations.outreach.client import JsonClient, Rule, Vendor, is_odd_text, said_in
from integrations.outreach.fields import asked_list, count, mapping, text
from integrations.values import Page, Raw

PROVIDER: Final = "emailbison"
#: Pages of a list that an instance gives out; later ones are refused.
MOST_PAGES: Final = 1000
_K = ErrorKind
T = TypeVar("T")


def _refused(body: Any) -> bool:
    """``{"data": {"success": false}}`` is a refusal, whatever the status; so is text."""
    raw = mapping(body)
    return (
        is_odd_text(body) or raw.get("success") is False or mapping(raw.get("data")).get("success") is False
    )


VENDOR: Final = Vendor(
    kind=PROVIDER,
    label="EmailBison",
    said=said_in,
    refused=_refused,
    words={
        "unauthenticated": Rule(
            _K.AUTH, "EmailBison does not accept the token. Check the instance's address too."
        ),
        "switch": Rule(_K.CONFLICT, "This belongs to another EmailBison workspace than the token."),
        "do not exist": Rule(_K.NOT_FOUND, "EmailBison does not have this."),
        "does not exist": Rule(_K.NOT_FOUND, "EmailBison does not have this."),
        "record not found": Rule(_K.NOT_FOUND, "EmailBison does not have this."),
        "schedule not found": Rule(_K.NOT_FOUND, "The campaign has no schedule."),
    },
)


def _origin(url: str) -> str:
    """Return an instance's address as it is typed in any way: with or without ``/api``, or without a scheme."""
    bare = url.strip().rstrip("/").removesuffix("/api")
    return f"https://{bare}" if bare and "://" not in bare else bare


class EmailBisonClient(JsonClient):
    """Requests with the token of one workspace, below ``/api`` of its instance."""

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
            base_url=_origin(base_url),
            trusted_base_url=_origin(trusted_base_url),
            breaker_key=breaker_key,
            headers={"Authorization": f"Bearer {key}"},
        )

    def data(self, path: str, params: Mapping[str, Any] | None = None) -> Raw:
        """Read an object out of its envelope."""
        body = mapping(self.get(path, params))
        return mapping(body.get("data")) or body

    def page(
        self,
        path: str,
        read: Callable[[Raw], T],
        *,
        cursor: str | None,
        params: Mapping[str, Any] | None = None,
    ) -> Page[T]:
        """Read a page by number: the instance chooses its size (15)."""
        number = int(cursor or 1)
        body = self.get(path, {**(params or {}), "page": number})
        found = asked_list(PROVIDER, body, "data")
        meta, links = mapping(mapping(body).get("meta")), mapping(mapping(body).get("links"))
        last = count(meta, "last_page")
        more = number < last if last is not None else bool(text(links, "next"))
        cut = bool(more and found and number >= MOST_PAGES)
        return Page(
            items=tuple(map(read, found)),
            cursor=str(number + 1) if more and found and not cut else None,
            note=f"EmailBison gives out {MOST_PAGES:,} pages of a list; what comes after is not read."
            if cut
            else "",
        )

    def everything(
        self, path: str, read: Callable[[Raw], T], params: Mapping[str, Any] | None = None
    ) -> list[T]:
        """Read all pages. Kind ``unavailable`` for more than 1,000, which the instance refuses."""
        found: list[T] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = self.page(path, read, cursor=cursor, params=params)
            found += page.items
            cursor = page.cursor
            if cursor is None and not page.note:
                return found
        raise VENDOR.error(_K.UNAVAILABLE, "The list at EmailBison is too long.")

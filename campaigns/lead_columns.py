"""The columns that the table of leads can show, beside the person."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Key to heading, in the order in which they stand.
COLUMNS: Final[dict[str, str]] = {
    "company": "Company",
    "client": "Client",
    "stage": "Stage",
    "campaign": "Campaign",
    "reach": "Reachable by",
    "owner": "Owner",
    "labels": "Labels",
    "email": "E-mail",
    "country": "Country",
    "time_zone": "Time zone",
    "last_sent": "Last sent",
    "last_reply": "Last reply",
    "added": "Added",
}
DEFAULT: Final = ("company", "client", "stage", "reach", "labels")
#: Before the name of a custom field that is a column.
FIELD: Final = "field:"
#: Custom fields that may stand beside each other.
MOST_FIELDS: Final = 12


def known(chosen: Iterable[str]) -> list[str]:
    """The chosen columns that there are, in the order of the table; custom fields come last, as chosen."""
    wanted = dict.fromkeys(chosen)
    own = [key for key in wanted if key.startswith(FIELD) and len(FIELD) < len(key) <= len(FIELD) + 80]
    return [*(key for key in COLUMNS if key in wanted), *own[:MOST_FIELDS]]


def heading(key: str) -> str:
    """What stands over a column."""
    return COLUMNS.get(key) or key.removeprefix(FIELD)

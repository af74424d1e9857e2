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


def known(chosen: Iterable[str]) -> list[str]:
    """The chosen columns that there are, in the order of the table."""
    wanted = set(chosen)
    return [key for key in COLUMNS if key in wanted]

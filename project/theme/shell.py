"""What the frame around every page needs: the exact shape of the context variable ``shell``.

A context processor in ``project.tenancy`` fills it (``None`` outside ``/o/<slug>/``);
``templates/app.html`` reads it and asks the database nothing. Everything is a plain value.

    Shell(
        organization=ShellOrganization(name="Kestrel & Rowe", slug="kestrel", url="/o/kestrel/inbox/"),
        organizations=[...],            # the others the user belongs to, for the switcher
        clients=[ShellClient(...)],     # clients within reach, for the sidebar
        clients_total=6,                # all clients of the organization ("6 of 6")
        areas=[area("inbox", url=..., count=12, active=True), ...],   # only those the role may open
        user=ShellUser(...),
        connection=ShellConnection(),
    )
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ShellOrganization:
    """An organization in the switcher; ``url`` is where it opens."""

    name: str
    slug: str
    url: str

    @property
    def initial(self) -> str:
        """The letter of its tile."""
        return self.name[:1].upper()


@dataclass(frozen=True, slots=True)
class ShellClient:
    """A client in the sidebar: ``colour`` 1 to 8; ``count`` in the current area (``None``: not shown)."""

    name: str
    colour: int
    url: str
    count: int | None = None
    active: bool = False


@dataclass(frozen=True, slots=True)
class ShellArea:
    """One of the areas of the product. ``tab`` areas are also in the bottom bar of a phone (at most five)."""

    key: str
    label: str
    short: str
    icon: str
    url: str
    count: int | None = None
    active: bool = False
    tab: bool = False


@dataclass(frozen=True, slots=True)
class ShellUser:
    """The person signed in; avatars read ``display_name``, ``initials`` and ``avatar_tone`` (1 to 4)."""

    display_name: str
    email: str
    initials: str
    avatar_tone: int
    role: str
    id: str = ""
    #: The zone that times are shown in.
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ShellConnection:
    """The connection chip as the page is served; the script then sets ``data-state`` and the label.

    ``state`` is ``live``, ``behind``, ``off`` or, until the script knows, ``wait``; ``label`` is "live",
    "catching up (12)" or "offline, showing 14:02".
    """

    state: str = "wait"
    label: str = "connecting"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Shell:
    """Everything the frame shows. Optional addresses hide their control when they are empty."""

    organization: ShellOrganization
    areas: list[ShellArea]
    user: ShellUser
    organizations: list[ShellOrganization] = field(default_factory=list)
    clients: list[ShellClient] = field(default_factory=list)
    clients_total: int = 0
    connection: ShellConnection = field(default_factory=ShellConnection)
    settings_url: str = ""
    compose_url: str = ""
    notifications_url: str = ""
    #: The number of the live stream up to which the page is complete: read before the page's other queries.
    live_cursor: int = 0

    @property
    def area(self) -> ShellArea | None:
        """The area the page belongs to, if any."""
        return next((area for area in self.areas if area.active), None)

    @property
    def tabs(self) -> list[ShellArea]:
        """The areas in the bar of a phone."""
        return [area for area in self.areas if area.tab][:5]


#: The areas in their order: key, label, short label (phone), icon, whether it is a tab on phones.
AREAS: dict[str, tuple[str, str, str, bool]] = {
    "inbox": ("Inbox", "Inbox", "inbox", True),
    "queues": ("Queues", "Queues", "users", True),
    "campaigns": ("Campaigns", "Campaigns", "paper-airplane", False),
    "leads": ("Leads", "Leads", "identification", True),
    "senders": ("Senders", "Senders", "at-symbol", False),
    "reports": ("Reports", "Reports", "chart-bar", True),
    "ops": ("Operations", "Ops", "signal", True),
}


def area(key: str, *, url: str, **values: Any) -> ShellArea:
    """Make a ``ShellArea`` of a known key. ``KeyError`` for any other."""
    label, short, icon, tab = AREAS[key]
    return ShellArea(key=key, label=label, short=short, icon=icon, url=url, tab=tab, **values)

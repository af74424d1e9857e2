"""What a list of conversations shows: a view, filters and an order, read from an address and written to one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_date

from campaigns.replies.intents import Intent
from inbox import querysets
from inbox.models import ConversationLabel
from inbox.search.query import parse
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.ids import parse_uuid
from project.core.refusals import Invalid
from project.tenancy.access import Access, Permission

#: How soon "at risk" is.
SOON: Final = timedelta(minutes=30)
#: How a list may be ordered: the fields, and what it is called.
SORTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "newest": (("-last_message_at", "-id"), "Newest first"),
    "oldest": (("last_message_at", "id"), "Oldest first"),
    "due": (("sla_due_at", "id"), "Due first"),
}
_SLA: Final = ("late", "soon", "waiting")
#: How closely rows stand, and what it is called.
DENSITIES: Final[dict[str, str]] = {"": "Three lines", "compact": "Two lines"}
#: What a row may leave out, and what it is called.
COLUMNS: Final[dict[str, str]] = {
    "company": "Company",
    "text": "What was said last",
    "client": "Client",
    "intent": "Intent",
    "label": "Labels",
    "promise": "Promise and snooze",
    "person": "Who has it",
}
#: What an address says of the look of a list, not of what belongs into it.
_LOOK: Final = ("density", "hide")
#: All that an address may narrow a list by, and of it what is on or off.
_PARAMETERS: Final = (
    "view", "client", "campaign", "sender", "label", "assignee", "channel", "intent", "sla", "unread", "urgent",
    "after", "before", "sort", "q", *_LOOK,
)  # fmt: skip
_SWITCHES: Final = ("unread", "urgent")
#: Characters of a search.
LONGEST_TEXT: Final = 300
#: Stands for the viewer, and for nobody, where a person is chosen.
ME, NOBODY = "me", "none"


@dataclass(frozen=True, slots=True)
class Filters:
    """A view of the inbox, narrowed. Empty means: not narrowed by that."""

    view: str = "all"
    client_id: UUID | None = None
    campaign_id: UUID | None = None
    sender_id: UUID | None = None
    label_id: UUID | None = None
    #: A user's id, ``me`` or ``none``.
    assignee: str = ""
    channel: str = ""
    intent: str = ""
    sla: str = ""
    unread: bool = False
    urgent: bool = False
    after: date | None = None
    before: date | None = None
    sort: str = "newest"
    #: What is searched for, with its operators.
    text: str = ""
    #: How rows look: one of ``DENSITIES``, and what of ``COLUMNS`` they leave out, in that order.
    density: str = ""
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Any, access: Access) -> Self:
        """Read the parameters of an address; what makes no sense is left out."""
        view = data.get("view", "")
        if data.get("q") and view not in querysets.VIEWS:
            view = querysets.ANY
        elif view not in querysets.VIEWS:
            view = "mine" if access.can(Permission.INBOX_REPLY) and data.get("view") is None else "all"
        client_id = parse_uuid(data.get("client", ""))
        assignee = data.get("assignee", "")
        return cls(
            view=view,
            client_id=client_id if client_id and access.sees_client(client_id) else None,
            campaign_id=parse_uuid(data.get("campaign", "")),
            sender_id=parse_uuid(data.get("sender", "")),
            label_id=parse_uuid(data.get("label", "")),
            assignee=assignee if assignee in {ME, NOBODY} or parse_uuid(assignee) else "",
            channel=_one_of(data.get("channel", ""), Channel.values),
            intent=_one_of(data.get("intent", ""), [one.value for one in Intent]),
            sla=_one_of(data.get("sla", ""), _SLA),
            unread=data.get("unread", "") == "1",
            urgent=data.get("urgent", "") == "1",
            after=_date(data.get("after", "")),
            before=_date(data.get("before", "")),
            sort=_one_of(data.get("sort", ""), SORTS) or "newest",
            text=" ".join(str(data.get("q", "")).split())[:LONGEST_TEXT],
            density=_one_of(data.get("density", ""), DENSITIES),
            hidden=_columns(str(data.get("hide", "")).split(",")),
        )

    @classmethod
    def strictly(cls, data: Any, access: Access) -> Self:
        """The same for what changes or leaves: an act, an export, a saved view.

        Raises ``Invalid`` where ``of`` would leave something out, for the list would be a wider one than was meant.
        """
        found = cls.of(data, access)
        understood = found.parameters
        for name, value in data.items():
            if name not in _PARAMETERS:
                raise Invalid(
                    f"There is no filter “{name[:40]}”; there are {', '.join(_PARAMETERS)}.", field="query"
                )
            is_off = not value or (name in _SWITCHES and value == "0") or (name, value) == ("sort", "newest")
            if not is_off and name not in understood:
                raise Invalid(
                    f"“{value[:80]}” is nothing to filter by with “{name}”, or it is not yours to see.",
                    field="query",
                )
        if data.get("view") and found.view != data["view"]:
            raise Invalid(f"There is no view “{data['view'][:40]}”.", field="query")
        problems = parse(found.text).problems
        if problems or len(str(data.get("q", ""))) > LONGEST_TEXT:
            raise Invalid(problems[0] if problems else "This search is too long.", field="query")
        return found

    @property
    def parameters(self) -> dict[str, str]:
        """What an address carries of this choice, in a fixed order."""
        given: dict[str, Any] = {
            "view": self.view, "client": self.client_id, "campaign": self.campaign_id, "sender": self.sender_id,
            "label": self.label_id, "assignee": self.assignee, "channel": self.channel, "intent": self.intent,
            "sla": self.sla, "unread": "1" if self.unread else "", "urgent": "1" if self.urgent else "",
            "after": self.after, "before": self.before, "sort": "" if self.sort == "newest" else self.sort,
            "q": self.text, "density": self.density, "hide": ",".join(self.hidden),
        }  # fmt: skip
        return {name: str(value) for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The query string of this choice."""
        return urlencode(self.parameters)

    @property
    def is_plain(self) -> bool:
        """Whether it is a view as it is, over all clients, however its rows look."""
        return set(self.parameters) <= {"view", *_LOOK}

    @property
    def is_counted(self) -> bool:
        """Whether a saved view of it has a count: searches cost too much, and closed ones only grow."""
        return not self.text and self.view != "closed"

    @property
    def look(self) -> dict[str, str]:
        """What an address carries of how rows look: another view is shown with it, too."""
        return {name: value for name, value in self.parameters.items() if name in _LOOK}

    def toggled(self, column: str) -> Self:
        """The same choice with one column shown instead of left out, or left out instead of shown."""
        return dataclasses.replace(self, hidden=_columns({*self.hidden} ^ {column}))

    def without(self, name: str) -> Self:
        """The same choice with one filter taken off. ``name`` is the name of a field."""
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        changed: dict[str, Any] = {name: defaults[name]}
        return dataclasses.replace(self, **changed)

    @property
    def order(self) -> tuple[str, ...]:
        """The fields that the list is ordered by, the last one unique."""
        return SORTS[self.sort][0]

    def condition(self, access: Access) -> Q:
        """What the conversations of the list have in common, the text apart."""
        chosen = querysets.condition(self.view, access)
        exact = {
            "client_id": self.client_id, "campaign_id": self.campaign_id, "sender_id": self.sender_id,
            "channel": self.channel, "intent": self.intent,
        }  # fmt: skip
        chosen &= Q(**{name: value for name, value in exact.items() if value})
        if self.assignee:
            person = {ME: access.user.id, NOBODY: None}.get(self.assignee, self.assignee)
            chosen &= Q(assignee_id=person)
        if self.label_id:
            chosen &= Q(
                Exists(ConversationLabel.objects.filter(conversation=OuterRef("id"), label_id=self.label_id))
            )
        if self.unread:
            chosen &= Q(unread__gt=0)
        if self.urgent:
            chosen &= Q(priority__gt=0)
        if self.sla or self.sort == "due":
            chosen &= Q(sla_due_at__isnull=False)
        if self.sla in {"late", "soon"}:
            chosen &= Q(sla_due_at__lte=now() + (SOON if self.sla == "soon" else timedelta()))
        if self.after:
            chosen &= Q(last_message_at__gte=_midnight(self.after))
        if self.before:
            chosen &= Q(last_message_at__lt=_midnight(self.before))
        return chosen

    def where(self, access: Access) -> dict[str, list[Any]] | None:
        """The condition as facts that live rows carry, or ``None`` where only the server can say what belongs."""
        if self.sla or self.after or self.before or self.text or self.sort != "newest":
            return None
        found = dict(querysets.where(self.view, access))
        person = {ME: str(access.user.id), NOBODY: ""}.get(self.assignee, self.assignee)
        if self.assignee:
            found["assignee"] = [one for one in found.get("assignee", [person]) if one == person]
        exact = {
            "client": self.client_id, "campaign": self.campaign_id, "sender": self.sender_id,
            "labels": self.label_id, "channel": self.channel, "intent": self.intent,
        }  # fmt: skip
        found |= {name: [str(value)] for name, value in exact.items() if value}
        if self.unread:
            found["unread"] = [True]
        if self.urgent:
            found["urgent"] = [True]
        return found


def _columns(names: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in COLUMNS if name in names)


def _one_of(value: Any, known: Any) -> str:
    return str(value) if value in known else ""


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))

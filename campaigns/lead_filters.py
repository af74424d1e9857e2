"""Which leads the table shows: filters read from an address and written to one."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Self
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from campaigns import lead_gaps
from campaigns.models import (
    Campaign,
    Enrollment,
    Lead,
    LeadChannel,
    LeadImportLead,
    LeadLabel,
    SendOutcome,
)
from campaigns.querysets import answers
from campaigns.replies.intents import POSITIVE
from integrations.models import OutboundMessage
from integrations.models.connections import Channel
from project.core.clock import now
from project.core.ids import parse_uuid
from project.tenancy.access import Access

#: Most leads that a text can find; more words find fewer.
FOUND: Final = 10_000
#: Words of one text that are looked for.
_WORDS: Final = 4
#: How far back behaviour may be looked at, in days.
WITHIN: Final = (7, 30, 90, 365)


def _contacted(since: datetime | None) -> Q:
    """Something of ours left for them. Of campaigns that a provider runs, only the stage tells; it has no instant."""
    sent = OutboundMessage.objects.filter(lead_id=OuterRef("pk"), state=OutboundMessage.State.SENT)
    if since is not None:
        return Q(Exists(sent.filter(sent_at__gte=since)))
    moved = Enrollment.objects.filter(lead=OuterRef("pk")).exclude(stage=Enrollment.Stage.PENDING)
    return Q(Exists(sent)) | Q(Exists(moved))


def _outcome(column: str) -> Callable[[datetime | None], Q]:
    def found(since: datetime | None) -> Q:
        happened = Q(**{f"{column}__gte": since}) if since else Q(**{f"{column}__isnull": False})
        return Q(Exists(SendOutcome.objects.filter(happened, lead_id=OuterRef("pk"))))

    return found


def _reading(**narrowed: Any) -> Callable[[datetime | None], Q]:
    def found(since: datetime | None) -> Q:
        rows = answers().filter(enrollment__lead=OuterRef("pk"), **narrowed)
        return Q(Exists(rows.filter(occurred_at__gte=since) if since else rows))

    return found


#: What people did, or what was done with them: the words, and the condition for "at or after".
BEHAVIOUR: Final[dict[str, tuple[str, Callable[[datetime | None], Q]]]] = {
    "contacted": ("Contacted", _contacted),
    "opened": ("Opened a mail", _outcome("opened_at")),
    "clicked": ("Clicked a link", _outcome("clicked_at")),
    "replied": ("Replied", _reading()),
    "interested": ("Replied with interest", _reading(intent__in=list(POSITIVE))),
    "bounced": ("A mail came back", _outcome("bounced_at")),
}
#: ``owner=nobody``: leads that are nobody's.
NOBODY: Final = "nobody"
#: ``did=not_<behaviour>`` turns a behaviour round.
NOT: Final = "not_"


@dataclass(frozen=True, slots=True)
class LeadFilters:
    """The table of leads, narrowed. Empty means: not narrowed by that."""

    client_id: UUID | None = None
    campaign_id: UUID | None = None
    #: Of an enrollment: of the chosen campaign, or of any.
    stage: str = ""
    #: An address of this kind is known.
    channel: str = ""
    #: ``yes`` or ``no``: an address of theirs is on the do-not-contact list.
    suppressed: str = ""
    import_id: UUID | None = None
    #: Whose leads: a person's id, or ``nobody``.
    owner: str = ""
    #: A label that they have.
    label: str = ""
    #: A custom field, and the value that it has.
    field: str = ""
    value: str = ""
    #: A company's id, or words of its name.
    company: str = ""
    #: Words of the job title.
    title: str = ""
    #: A key of ``BEHAVIOUR``, with ``not_`` before it turned round.
    did: str = ""
    #: Days that ``did`` looks back; 0: ever.
    within: int = 0
    #: A variable of the texts that they have no value for (``lead_gaps``).
    lacks: str = ""
    #: What is searched for: words that names, companies or addresses begin with.
    text: str = ""

    @classmethod
    def of(cls, data: Any, access: Access) -> Self:
        """Read the parameters of an address; what makes no sense is left out."""
        client_id = parse_uuid(data.get("client", ""))
        did = _one_of(data.get("did", ""), {*BEHAVIOUR, *(f"{NOT}{key}" for key in BEHAVIOUR)})
        within = str(data.get("within", ""))
        return cls(
            client_id=client_id if client_id and access.sees_client(client_id) else None,
            campaign_id=parse_uuid(data.get("campaign", "")),
            stage=_one_of(data.get("stage", ""), Enrollment.Stage.values),
            channel=_one_of(data.get("channel", ""), Channel.values),
            suppressed=_one_of(data.get("suppressed", ""), ("yes", "no")),
            import_id=parse_uuid(data.get("list", "")),
            owner=_owner(data.get("owner", "")),
            label=_text(data.get("label", ""), 40).lower(),
            field=_text(data.get("field", ""), 80) if data.get("value", "") else "",
            value=_text(data.get("value", ""), 200) if data.get("field", "") else "",
            company=_text(data.get("company", ""), 100),
            title=_text(data.get("title", ""), 100),
            did=did,
            within=int(within) if did and within in {str(days) for days in WITHIN} else 0,
            lacks=_variable(data.get("lacks", "")),
            text=_text(data.get("q", ""), 100),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """What an address carries of this choice, in a fixed order."""
        given: dict[str, Any] = {
            "client": self.client_id, "campaign": self.campaign_id, "stage": self.stage, "channel": self.channel,
            "suppressed": self.suppressed, "list": self.import_id, "owner": self.owner, "label": self.label,
            "field": self.field, "value": self.value, "company": self.company, "title": self.title,
            "did": self.did, "within": self.within, "lacks": self.lacks, "q": self.text,
        }  # fmt: skip
        return {name: str(value) for name, value in given.items() if value}

    @property
    def query(self) -> str:
        """The query string of this choice."""
        return urlencode(self.parameters)

    @property
    def searches(self) -> bool:
        """Whether words are looked for, which find at most ``FOUND`` leads."""
        return bool(self.text or self.title or self.field or (self.company and not parse_uuid(self.company)))

    def without(self, *names: str) -> Self:
        """The same choice with some filters taken off, by the names of their fields."""
        defaults: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(self)}
        changed: dict[str, Any] = {name: defaults[name] for name in names}
        return dataclasses.replace(self, **changed)

    def condition(self, access: Access, *, most: int | None = FOUND) -> Q:
        """What the leads of the table have in common; a search finds at most ``most`` (``None``: all) of them."""
        chosen = access.client_filter()
        if self.client_id:
            chosen &= Q(client_id=self.client_id)
        if self.import_id:
            links = LeadImportLead.objects.filter(lead_import_id=self.import_id, lead=OuterRef("pk"))
            chosen &= Q(Exists(links))
        if self.channel:
            chosen &= Q(Exists(LeadChannel.objects.filter(lead=OuterRef("pk"), kind=self.channel)))
        if self.owner:
            chosen &= Q(owner=None if self.owner == NOBODY else self.owner)
        if self.label:
            chosen &= Q(Exists(LeadLabel.objects.filter(name=self.label, lead=OuterRef("pk"))))
        if self.lacks:
            chosen &= lead_gaps.lacking(self.lacks) or Q()
        return chosen & self._enrolled() & self._behaviour() & self._suppression() & self._words(access, most)

    def _enrolled(self) -> Q:
        if not (self.campaign_id or self.stage):
            return Q()
        rows = Enrollment.objects.filter(lead=OuterRef("pk"))
        if self.campaign_id:
            rows = rows.filter(campaign_id=self.campaign_id)
        if self.stage:
            rows = rows.filter(stage=self.stage)
        return Q(Exists(rows))

    def _behaviour(self) -> Q:
        if not self.did:
            return Q()
        _, condition = BEHAVIOUR[self.did.removeprefix(NOT)]
        found = condition(now() - timedelta(days=self.within) if self.within else None)
        return ~found if self.did.startswith(NOT) else found

    def _suppression(self) -> Q:
        if not self.suppressed:
            return Q()
        if self.suppressed == "yes":
            return Q(suppressed_until__gt=now())
        return Q(suppressed_until=None) | Q(suppressed_until__lte=now())

    def _words(self, access: Access, most: int | None) -> Q:
        company_id = parse_uuid(self.company)
        chosen = Q(company_id=company_id) if company_id else Q()
        clients = None if access.client_ids is None else sorted(access.client_ids)
        if self.client_id:
            clients = [self.client_id]
        if self.field:
            wanted = [json.dumps({self.field: self.value}), clients, most]
            chosen &= Q(
                id__in=RawSQL(
                    "SELECT lead_id FROM campaigns_find_leads_with(%s::jsonb, %s::uuid[], %s)", wanted
                )
            )
        if not (self.text or self.title or (self.company and not company_id)):
            return chosen
        given = [
            _words(self.text),
            _prefixes(self.title),
            "" if company_id else _prefixes(self.company),
            clients,
            most,
        ]
        return chosen & Q(id__in=_found(given))


def with_words(client_id: UUID, text: str) -> QuerySet[Lead]:
    """The leads of a client that have the words of ``text`` in their name, company or addresses, each as a beginning.

    At most ``FOUND``, out of the indexes: for whoever compares text with them, which no index below row-level security
    does (docs/decisions/0016-search.md).
    """
    given = [_words(text), "", "", [client_id], FOUND]
    rows: QuerySet[Lead] = Lead.objects.filter(client_id=client_id, id__in=_found(given))
    return rows


def found_leads(access: Access, filters: LeadFilters) -> QuerySet[Lead]:
    """The leads within reach that the filters leave, for the table: words find at most ``FOUND`` of them."""
    rows: QuerySet[Lead] = Lead.objects.filter(filters.condition(access), removed_at=None)
    return rows


def all_leads(access: Access, filters: LeadFilters) -> QuerySet[Lead]:
    """All leads that the filters leave, however many words find: for acts and files, which must leave nobody out."""
    rows: QuerySet[Lead] = Lead.objects.filter(filters.condition(access, most=None), removed_at=None)
    return rows


def campaigns_of(access: Access, filters: LeadFilters) -> QuerySet[Campaign]:
    """The campaigns that the filter offers."""
    rows: QuerySet[Campaign] = Campaign.objects.filter(access.client_filter()).order_by("name", "id")
    return rows.filter(client_id=filters.client_id) if filters.client_id else rows


def _found(given: list[Any]) -> RawSQL:
    """What the owner's function finds in the indexes, for words, a title, a company, clients and how many at most."""
    return RawSQL("SELECT lead_id FROM campaigns_find_leads(%s::text[], %s, %s, %s::uuid[], %s)", given)


def _words(text: str) -> list[str]:
    return text.lower().replace("\\", " ").split()[:_WORDS]


def _prefixes(text: str) -> str:
    """Words as a ``tsquery`` that finds what begins with each of them; empty for none."""
    return " & ".join(f"'{word}':*" for word in re.findall(r"\w+", text.lower())[:_WORDS])


def _one_of(value: Any, known: Any) -> str:
    return str(value) if value in known else ""


def _variable(value: Any) -> str:
    name = _text(value, 90)
    return name if lead_gaps.lacking(name) is not None else ""


def _owner(value: Any) -> str:
    found = parse_uuid(value)
    return str(found) if found else _one_of(value, (NOBODY,))


def _text(value: Any, most: int) -> str:
    return " ".join(str(value).replace("\x00", "").split())[:most]

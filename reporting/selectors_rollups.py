"""Reading sums: by kind, day, part and subject, of a campaign, a client or the organization."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Sum

from campaigns.models import Campaign
from project.core.clock import now
from project.tenancy.models import Client
from reporting.filters import Narrow, Period
from reporting.models import Rollup, RollupState
from reporting.services.rollups import FRESH

Grain = Rollup.Grain


@dataclass(frozen=True, slots=True)
class Sums:
    """``n`` things that happened, ``people`` to whom for the first time, and measured times in seconds."""

    n: int = 0
    people: int = 0
    timed: int = 0
    seconds: int = 0

    def __add__(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(
            self.n + other.n,
            self.people + other.people,
            self.timed + other.timed,
            self.seconds + other.seconds,
        )

    @property
    def mean_seconds(self) -> float | None:
        """The mean of what was measured, ``None`` for nothing."""
        return self.seconds / self.timed if self.timed else None


NONE: Final = Sums()


class Kinds(dict[str, Sums]):
    """Sums by kind; kinds that did not happen are none."""

    def __missing__(self, kind: str) -> Sums:
        return NONE

    def add(self, kind: str, sums: Sums) -> None:
        """Add to a kind."""
        self[kind] = self[kind] + sums

    @property
    def people(self) -> dict[str, int]:
        """People by kind, also for templates: those that did not happen are missing."""
        return {kind: sums.people for kind, sums in self.items()}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a report is about: a campaign, or everything of a client, or what one channel, sender or list did of it."""

    client: Client
    campaign: Campaign | None = None
    #: The one campaign that a client's report is narrowed to.
    only: UUID | None = None
    narrow: Narrow | None = None

    def rows(self, grain: str, period: Period) -> QuerySet[Rollup]:
        """The sums of a grain in a period."""
        rows: QuerySet[Rollup] = Rollup.objects.filter(
            grain=grain, day__gte=period.first, day__lte=period.last
        )
        if self.campaign is not None:
            return rows.filter(subject_id=self.campaign.id)
        rows = rows.filter(client_id=self.client.id)
        return rows.filter(subject_id=self.only) if self.only is not None else rows

    def whole(self, period: Period) -> QuerySet[Rollup]:
        """The sums of the subject as a whole, or of the one thing that it is narrowed to."""
        if self.narrow is not None:
            dimension, value = self._one
            if dimension == "sender" and self.is_client:
                return self.rows(Grain.SENDER, period).filter(subject_id=value)
            return self.by_campaign(period)
        return self.rows(Grain.CLIENT if self.is_client else Grain.CAMPAIGN, period)

    def by_campaign(self, period: Period) -> QuerySet[Rollup]:
        """The same as rows of campaigns."""
        if self.narrow is None:
            return self.rows(Grain.CAMPAIGN, period)
        dimension, value = self._one
        return self.rows(_NARROWED[dimension], period).filter(part=value)

    @property
    def _one(self) -> tuple[str, str]:
        assert self.narrow is not None
        assert self.narrow.single is not None, "of several there are no sums"
        return self.narrow.single

    @property
    def counts_enrolled(self) -> bool:
        """Whether it is known who was enrolled: not by a channel or a sender."""
        return self.narrow is None or set(self.narrow.given) == {"list"}

    @property
    def is_client(self) -> bool:
        """Whether all campaigns of the client belong to it, and what belongs to none."""
        return self.campaign is None and self.only is None


_NARROWED: Final = {"channel": Grain.CHANNEL, "sender": Grain.CAMPAIGN_SENDER, "list": Grain.LIST}


def grouped(
    rows: QuerySet[Rollup], *by: str, kinds: Collection[str] = ()
) -> list[tuple[tuple[Any, ...], str, Sums]]:
    """Rows added up by some columns and the kind: (values of the columns, kind, sums). One statement."""
    if kinds:
        rows = rows.filter(kind__in=kinds)
    found = (
        rows.values(*by, "kind")
        .annotate(
            total_n=Sum("n"), total_people=Sum("people"), total_timed=Sum("timed"), total_s=Sum("seconds")
        )
        .order_by()
    )
    return [
        (
            tuple(row[name] for name in by),
            row["kind"],
            Sums(int(row["total_n"]), int(row["total_people"]), int(row["total_timed"]), int(row["total_s"])),
        )
        for row in found
    ]


def by_key(rows: QuerySet[Rollup], *by: str, kinds: Collection[str] = ()) -> dict[Any, Kinds]:
    """``grouped`` as kinds by key: the value of the column, or a tuple of several."""
    found: dict[Any, Kinds] = {}
    for values, kind, sums in grouped(rows, *by, kinds=kinds):
        found.setdefault(values[0] if len(by) == 1 else values, Kinds()).add(kind, sums)
    return found


def total(parts: Collection[Kinds]) -> Kinds:
    """All of them together."""
    whole = Kinds()
    for kinds in parts:
        for kind, sums in kinds.items():
            whole.add(kind, sums)
    return whole


def of_subjects(grain: str, ids: Sequence[UUID], period: Period) -> dict[UUID, Kinds]:
    """Sums by subject, for comparing."""
    rows: QuerySet[Rollup] = Rollup.objects.filter(
        grain=grain, subject_id__in=list(ids), day__gte=period.first, day__lte=period.last
    )
    return by_key(rows, "subject_id")


def freshness() -> dict[str, Any]:
    """Until when what happened is in the figures, and whether that is as fresh as promised."""
    at = RollupState.objects.values_list("counted_at", flat=True).first()
    return {"counted_at": at, "is_stale": at is None or now() - at > FRESH}

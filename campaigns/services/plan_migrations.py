"""A new version for a campaign that runs: newcomers begin with it, and for those at each step of the old ones somebody
chooses whether they stay with their version, go on at the same step of the new one, move to another step, or finish.

All of it is one transaction: either everybody is where they were to be, or nothing has changed. It can be rolled back
for 24 hours, as far as people have not gone on since. A provider has one sequence for everybody: its campaigns are
relaunched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from django.core.cache import cache
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Count, F, Q

from campaigns.models import (
    Campaign,
    Enrollment,
    EnrollmentSender,
    PlanMigration,
    PlanMigrationItem,
    PlanVersion,
)
from campaigns.plans import carrying, interpreter
from campaigns.plans.schema import Plan, SendNode
from campaigns.plans.state import (
    Cause,
    Context,
    State,
    Step,
    WithdrawSend,
    from_json,
    to_json,
)
from campaigns.services import campaigns, checklist, enrollments, live
from campaigns.services.assignment import Rotation
from campaigns.services.changes import Changes
from campaigns.services.planning import context_of, plan_of_version
from integrations.locks import lock_senders
from project.core.claims import compare_and_set
from project.core.clock import now
from project.core.refusals import Refused
from project.core.tasks import enqueue
from project.tenancy import audit
from project.tenancy.models import User

log = structlog.get_logger(__name__)

UNDO_FOR: Final = timedelta(hours=24)
#: As many people as a request puts onto a new version by itself; more are a worker's.
AT_ONCE: Final = 50
#: People whose rows are in memory at once; all are in one transaction.
BATCH: Final = 500
_LEASE: Final = timedelta(minutes=10)
#: How far a worker has come is told beside its transaction, which nobody sees into.
_TOLD_FOR: Final = timedelta(hours=1)
_UNDER_WAY: Final = (PlanMigration.State.RUNNING, PlanMigration.State.BACKING)
#: How often a worker begins before it is given up, and the pause after one that broke.
TRIES: Final = 3
_PAUSE: Final = timedelta(seconds=30)
#: What may be chosen for those at a step.
CHOICES: Final = ("stay", "go_on", "move", "finish")
_RUNNING: Final = (Campaign.Status.ACTIVE, Campaign.Status.PAUSED)


class MigrationRefused(Refused):
    """The version cannot be published, or not be rolled back; the message says why."""

    default_code = "PLAN_MIGRATION_REFUSED"


@dataclass(frozen=True, slots=True)
class Group:
    """Those who are at one step, whatever their version: how many, and whether all can go on at the same step."""

    node_id: str
    count: int
    can_go_on: bool


def groups(campaign: Campaign, plan: Plan) -> list[Group]:
    """Who is under way in a campaign, by step, as they stand to ``plan``; two statements."""
    rows = (
        Enrollment.objects.filter(campaign=campaign)
        .exclude(status=Enrollment.Status.ENDED)
        .values_list("node_id", "plan_version")
        .annotate(count=Count("id"))
        .order_by("node_id")
    )
    counts: Counter[str] = Counter()
    fitting: dict[str, bool] = {}
    for node_id, version_id, count in rows:
        counts[node_id] += count
        is_fit = carrying.fits(plan_of_version(version_id), plan, node_id)
        fitting[node_id] = fitting.get(node_id, True) and is_fit
    return [Group(node_id, count, fitting[node_id]) for node_id, count in counts.items()]


@transaction.atomic
def publish(
    *,
    campaign: Campaign,
    choices: Mapping[str, Mapping[str, str]],
    actor: User,
    accept_unfilled: bool = False,
) -> PlanMigration:
    """Freeze the draft of a running campaign into its new version and put people onto it as chosen, by step.

    For a step that is not named they stay. Few are done at once, many by a worker. ``accept_unfilled`` as for a launch.

    Raises ``MigrationRefused`` with what stands against it: open points of the checklist, a draft that changes nothing,
    a choice that cannot be.
    """
    locked = (
        Campaign.objects.select_for_update(of=("self",)).select_related("current_version").get(id=campaign.id)
    )
    if locked.kind != Campaign.Kind.NATIVE or locked.status not in _RUNNING or locked.current_version is None:
        raise MigrationRefused(
            "Only a running or paused campaign of our own engine gets a new version like this."
        )
    problems = checklist.open_points(locked, accept_unfilled=accept_unfilled)
    if problems:
        raise MigrationRefused(" ".join(problems), problems=problems)
    version = campaigns.freeze(campaign=locked)
    if version.id == locked.current_version_id:
        raise MigrationRefused("The draft is what runs already.")
    plan = plan_of_version(version.id)
    chosen = {node_id: dict(choice) for node_id, choice in choices.items() if choice.get("do") != "stay"}
    _check(locked, plan, chosen)
    try:
        with transaction.atomic():
            made: PlanMigration = PlanMigration.objects.create(
                campaign=locked,
                from_version=locked.current_version,
                to_version=version,
                actor=actor,
                choices=chosen,
            )
    except IntegrityError as error:
        raise MigrationRefused("Another version is being published at this moment.") from error
    audit.record(actor=actor, action="campaign.version_published", subject=locked, version=version.number)
    live.campaign_changed(locked.id)
    if sum(group.count for group in groups(locked, plan)) <= AT_ONCE:
        return _run(made)
    _work(made.id)
    return made


def _check(campaign: Campaign, plan: Plan, chosen: Mapping[str, Mapping[str, str]]) -> None:
    known = {group.node_id: group for group in groups(campaign, plan)}
    for node_id, choice in chosen.items():
        if choice.get("do") not in CHOICES:
            raise MigrationRefused("Choose stay, go on, move or finish for each step.", field=node_id)
        if choice["do"] == "go_on" and node_id in known and not known[node_id].can_go_on:
            raise MigrationRefused(
                f"The new version has no step like “{node_id}”: let those there stay, move or finish.",
                field=node_id,
            )
        if choice["do"] == "move" and not isinstance(plan.index.get(choice.get("to", "")), SendNode):
            raise MigrationRefused("Choose the step that they are to move to.", field=node_id)


def _work(migration_id: UUID) -> None:
    from campaigns.tasks import migrate_plan

    enqueue(migrate_plan, migration_id=migration_id)


def forgotten() -> list[PlanMigration]:
    """Migrations that no worker holds (for the sweeper; platform scope)."""
    free = Q(claimed_until=None, updated_at__lt=now() - timedelta(seconds=20)) | Q(claimed_until__lt=now())
    return list(PlanMigration.objects.filter(free, state__in=_UNDER_WAY)[:20])


def work(*, migration_id: UUID) -> None:
    """Do a migration, or roll it back, if nobody else does; what cannot be is said on it, and nothing has changed.

    Raises whatever breaks, for the worker's log; after ``TRIES`` times it has failed instead.
    """
    free = Q(claimed_until=None) | Q(claimed_until__lt=now())
    rows = PlanMigration.objects.filter(free, id=migration_id, state__in=_UNDER_WAY)
    if not compare_and_set(rows, claimed_until=now() + _LEASE, tries=F("tries") + 1):
        return
    migration = PlanMigration.objects.get(id=migration_id)
    if migration.tries > TRIES:
        _fail(migration, f"The worker that did it ended {TRIES} times before it was through.")
        return
    try:
        _run(migration) if migration.state == PlanMigration.State.RUNNING else _run_back(migration)
    except MigrationRefused as refusal:
        _fail(migration, refusal.message)
    except (OperationalError, InterfaceError):
        raise  # the next one begins once the lease is over
    except Exception as error:
        if migration.tries < TRIES:
            PlanMigration.objects.filter(id=migration_id).update(
                claimed_until=now() + _PAUSE, updated_at=now()
            )
            raise
        log.exception("plan_migration.broke", migration=str(migration_id))
        _fail(migration, f"It broke {TRIES} times ({type(error).__name__}). The worker's log says more.")


def progress(migration: PlanMigration) -> tuple[int, int] | None:
    """How many people of how many a worker has put where they were to be; ``None`` before it says so."""
    found: tuple[int, int] | None = cache.get(_progress_key(migration))
    return found


def _progress_key(migration: PlanMigration) -> str:
    return f"plan_migration:{migration.id}:{migration.state}"


@transaction.atomic
def _fail(migration: PlanMigration, why: str) -> None:
    """Give one up. A version that could not be rolled back goes on running."""
    is_back = migration.state == PlanMigration.State.BACKING
    rows = PlanMigration.objects.filter(id=migration.id, state=migration.state)
    if compare_and_set(
        rows,
        state=PlanMigration.State.DONE if is_back else PlanMigration.State.FAILED,
        error=(f"Not rolled back. {why}" if is_back else why)[:300],
        claimed_until=None,
        updated_at=now(),
    ):
        live.campaign_changed(migration.campaign_id)


@transaction.atomic
def _run(migration: PlanMigration) -> PlanMigration:
    campaign = Campaign.objects.select_for_update(of=("self",)).get(id=migration.campaign_id)
    if campaign.current_version_id != migration.from_version_id:
        raise MigrationRefused("The campaign has got another version meanwhile.")
    Campaign.objects.filter(id=campaign.id).update(current_version=migration.to_version_id, updated_at=now())
    nodes = list(migration.choices)
    rows = Enrollment.objects.filter(campaign=campaign, node_id__in=nodes).exclude(
        status=Enrollment.Status.ENDED
    )
    ids = list(rows.exclude(plan_version=migration.to_version_id).order_by("id").values_list("id", flat=True))
    counts = Counter[str]()
    for locked in _batches(migration, ids):
        counts.update(_each(migration, [row for row in locked if row.status != Enrollment.Status.ENDED]))
    under_way = Enrollment.objects.filter(campaign=campaign).exclude(status=Enrollment.Status.ENDED)
    counts["stay"] = under_way.exclude(plan_version=migration.to_version_id).count()
    migration.counts, migration.state = dict(counts), PlanMigration.State.DONE
    migration.claimed_until = None
    migration.save(update_fields=["counts", "state", "claimed_until", "updated_at"])
    live.campaign_changed(campaign.id)
    return migration


def _batches(migration: PlanMigration, ids: list[UUID]) -> Iterator[list[Enrollment]]:
    """The enrollments, locked, some at a time; all of their senders are locked before the first of them."""
    links = EnrollmentSender.objects.filter(enrollment__campaign=migration.campaign_id)
    # Taken one batch after the other, the locks of senders would come after those of rows.
    lock_senders(
        set(links.exclude(enrollment__status=Enrollment.Status.ENDED).values_list("sender_id", flat=True))
    )
    for begin in range(0, len(ids), BATCH):
        cache.set(_progress_key(migration), (begin, len(ids)), timeout=int(_TOLD_FOR.total_seconds()))
        yield enrollments.locked_many(ids[begin : begin + BATCH])


def _each(migration: PlanMigration, found: list[Enrollment]) -> list[str]:
    """Put everybody where they were chosen to be; return what became of each."""
    wanted, items, did = Changes(), list[PlanMigrationItem](), list[str]()
    rotation = Rotation.of(migration.campaign, [row.lead for row in found]) if found else None
    at, who = now(), migration.actor.display_name if migration.actor else "Somebody"
    for row in found:
        choice = migration.choices.get(row.node_id)
        state = from_json(row.state)
        if choice is None:
            continue
        if choice["do"] == "finish":
            cause, reason = Cause("person", who), f"Finished with version {migration.to_version.number}."
            step = interpreter.stop(
                plan_of_version(row.plan_version_id), state, at, cause, reason, context_of(row)
            )
            wanted.take(row, step)
            did.append("finish")
            continue
        old_version, before = row.plan_version_id, row.state
        old, old_context = plan_of_version(old_version), context_of(row)
        new_context = _onto(row, migration.to_version)
        if rotation is not None:
            enrollments.assign(row, rotation)
        new = plan_of_version(migration.to_version_id)
        if choice["do"] == "move":
            step = interpreter.move(new, state, choice["to"], at, who, new_context)
        elif carrying.fits(old, new, state.node):
            text = f"Goes on with version {migration.to_version.number}."
            step = carrying.carry(old, new, state, at, old_context, new_context, text=text)
        else:
            _onto(row, plan_version=PlanVersion.objects.get(id=old_version))
            continue
        _take(wanted, row, step)
        did.append(choice["do"])
        items.append(
            PlanMigrationItem(
                migration=migration,
                enrollment=row,
                version_id=old_version,
                before=before,
                after=to_json(step.state),
            )
        )
    PlanMigrationItem.objects.bulk_create(items, batch_size=500)
    _save_versions(found)
    wanted.write()
    return did


def _onto(row: Enrollment, plan_version: PlanVersion) -> Context:
    """Give a loaded enrollment a version; its context is another one with it."""
    row.plan_version = plan_version
    row.__dict__.pop("_context", None)
    return context_of(row)


def _take(wanted: Changes, row: Enrollment, step: Step) -> None:
    """Take in a step; a send that it withdraws may be of a step that only the old version has."""
    wanted.take(row, step)
    for command in step.commands:
        if isinstance(command, WithdrawSend):
            wanted.withdraw_all(row, command.reason)


def _save_versions(found: list[Enrollment]) -> None:
    by_version: dict[UUID, list[UUID]] = {}
    for row in found:
        by_version.setdefault(row.plan_version_id, []).append(row.id)
    for version_id, ids in by_version.items():
        Enrollment.objects.filter(id__in=ids).update(plan_version=version_id, updated_at=now())


# --- the way back ------------------------------------------------------------------------------------


def can_undo(migration: PlanMigration) -> bool:
    """Whether a migration can be rolled back now."""
    return (
        migration.state == PlanMigration.State.DONE
        and migration.created_at >= now() - UNDO_FOR
        and migration.campaign.current_version_id == migration.to_version_id
    )


@transaction.atomic
def roll_back(*, migration_id: UUID, actor: User) -> PlanMigration:
    """Take a new version back: the campaign runs the one before, and people go back to theirs.

    Whoever went on with the new version goes on with the old one at the same step, if it has it; whoever was moved goes
    back if nothing has happened since. The others stay as they are (``kept``), as do those who were finished. Few are
    put back at once, many by a worker, in one transaction. Raises ``MigrationRefused`` after 24 hours, and once another
    version was published.
    """
    told = PlanMigration.objects.filter(id=migration_id).values("campaign_id")
    # The campaign first, as its worker does, which saves the migration last.
    campaign = Campaign.objects.select_for_update(of=("self",)).get(id__in=told)
    migration: PlanMigration = (
        PlanMigration.objects.select_for_update(of=("self",))
        .select_related("from_version", "to_version")
        .get(id=migration_id)
    )
    migration.campaign = campaign
    if not can_undo(migration):
        raise MigrationRefused("Only the newest version can be rolled back, within 24 hours.")
    migration.state, migration.undone_by = PlanMigration.State.BACKING, actor
    migration.tries, migration.claimed_until, migration.error, migration.updated_at = 0, None, "", now()
    try:
        with transaction.atomic():
            migration.save(
                update_fields=["state", "undone_by", "tries", "claimed_until", "error", "updated_at"]
            )
    except IntegrityError as error:
        raise MigrationRefused("Another version is being published at this moment.") from error
    audit.record(
        actor=actor,
        action="campaign.version_rolled_back",
        subject=campaign,
        version=migration.from_version.number,
    )
    live.campaign_changed(campaign.id)
    if migration.items.count() <= AT_ONCE:
        return _run_back(migration)
    _work(migration.id)
    return migration


@transaction.atomic
def _run_back(migration: PlanMigration) -> PlanMigration:
    campaign = Campaign.objects.select_for_update(of=("self",)).get(id=migration.campaign_id)
    if campaign.current_version_id != migration.to_version_id:
        raise MigrationRefused("The campaign has got another version meanwhile.")
    Campaign.objects.filter(id=campaign.id).update(
        current_version=migration.from_version_id, updated_at=now()
    )
    who = migration.undone_by.display_name if migration.undone_by else "Somebody"
    ids = list(migration.items.order_by("enrollment_id").values_list("enrollment_id", flat=True))
    counts = Counter[str]()
    for found in _batches(migration, ids):
        rows = migration.items.filter(enrollment__in=found).select_related("version")
        items, wanted = {item.enrollment_id: item for item in rows}, Changes()
        for row in found:
            done = row.status != Enrollment.Status.ENDED and _back(wanted, row, items[row.id], who)
            counts["back" if done else "kept"] += 1
        _save_versions(found)
        wanted.write()
    migration.counts = {**migration.counts, **counts}
    migration.state, migration.undone_at = PlanMigration.State.UNDONE, now()
    migration.claimed_until, migration.updated_at = None, now()
    migration.save(update_fields=["counts", "state", "undone_at", "claimed_until", "updated_at"])
    live.campaign_changed(campaign.id)
    return migration


def _back(wanted: Changes, row: Enrollment, item: PlanMigrationItem, who: str) -> bool:
    """Put one enrollment back onto its old version; say whether that could be."""
    state, before = from_json(row.state), from_json(item.before)
    new, old = plan_of_version(row.plan_version_id), plan_of_version(item.version_id)
    was_carried = (before.node, before.visit) == (_after(item).node, _after(item).visit)
    if was_carried and carrying.fits(new, old, state.node):
        context = context_of(row)
        text = f"Rolled back to version {item.version.number}."
        step = carrying.carry(new, old, state, now(), context, _onto(row, item.version), text=text)
    elif was_carried or row.state != item.after or state.phase == "in_flight":
        return False
    elif before.phase == "due":
        # A visit of its own: what was withdrawn when they were moved is not asked for by the same key again.
        step = interpreter.move(old, state, before.node, now(), who, _onto(row, item.version))
    else:
        _onto(row, item.version)
        step = Step(before, interpreter.difference(replace(state, path=()), replace(before, path=())))
    _take(wanted, row, step)
    return True


def _after(item: PlanMigrationItem) -> State:
    return from_json(item.after)

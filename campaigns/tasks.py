"""Background work of campaigns."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery.signals import worker_init, worker_shutting_down

from project.core.scoping import organization_scope
from project.core.tasks import platform_task, task


@task(queue="bulk", name="campaigns.work_on_import")
def work_on_import(import_id: str) -> None:
    """Preview or run one import."""
    from campaigns.services import imports

    imports.work(import_id=UUID(import_id))


@platform_task(queue="bulk", name="campaigns.sweep_imports")
def sweep_imports() -> None:
    """Find imports that a killed worker left behind and work on them again."""
    from campaigns.services import imports

    for forgotten in imports.forgotten():
        with organization_scope(forgotten.organization_id):
            imports.work(import_id=forgotten.id)


@task(queue="bulk", name="campaigns.migrate_plan")
def migrate_plan(migration_id: str) -> None:
    """Put the people of a running campaign onto its new version."""
    from campaigns.services import plan_migrations

    plan_migrations.work(migration_id=UUID(migration_id))


@platform_task(queue="bulk", name="campaigns.sweep_plan_migrations")
def sweep_plan_migrations() -> None:
    """Find migrations that a killed worker left behind and do them again: nothing of them has happened."""
    from campaigns.services import plan_migrations

    for left in plan_migrations.forgotten():
        with organization_scope(left.organization_id):
            plan_migrations.work(migration_id=left.id)


@task(queue="bulk", name="campaigns.run_lead_act")
def run_lead_act(entry_id: str) -> None:
    """Do what is left of an act on many leads."""
    from campaigns.services import lead_acts

    lead_acts.run(entry_id=UUID(entry_id))


@platform_task(queue="bulk", name="campaigns.sweep_lead_acts")
def sweep_lead_acts() -> None:
    """Find acts on leads that a killed worker left behind and go on with them."""
    from campaigns.services import lead_acts

    for left in lead_acts.forgotten():
        with organization_scope(left.organization_id):
            lead_acts.run(entry_id=left.id)


@platform_task(queue="bulk", name="campaigns.prune_lead_acts")
def prune_lead_acts() -> int:
    """Delete acts on leads that are kept no longer."""
    from campaigns.services import lead_acts

    return lead_acts.prune()


@platform_task(queue="bulk", name="campaigns.forget")
def forget() -> int:
    """Let go of files of imports that are over, and of what a provider needed to stop people who were erased."""
    from campaigns.services import forgetting

    return forgetting.prune_files() + forgetting.forget_stopped()


@task(queue="bulk", name="campaigns.enroll_audience")
def enroll_audience(campaign_id: str) -> None:
    """Enroll everybody of a campaign's audience who is not in it yet."""
    from campaigns.services import enrollments

    enrollments.enroll_audience(campaign_id=UUID(campaign_id))


@platform_task(queue="bulk", name="campaigns.sweep_audiences")
def sweep_audiences() -> None:
    """Find running campaigns whose audience was left half enrolled and enroll the rest."""
    from campaigns.services import enrollments

    for campaign in enrollments.half_enrolled():
        with organization_scope(campaign.organization_id):
            enrollments.enroll_audience(campaign_id=campaign.id)


@task(queue="sync", name="campaigns.bring_in_line")
def bring_in_line(campaign_id: str) -> str:
    """Bring the provider in line with a campaign that it runs."""
    from campaigns.services.provider_runs import job

    return job.bring_in_line(UUID(campaign_id))


@task(queue="sync", name="campaigns.carry_out_suppression")
def carry_out_suppression(suppression_id: str) -> int:
    """Take whom an entry of the do-not-contact list is about out of campaigns that providers run."""
    from campaigns.services.provider_runs import suppressing

    return suppressing.carry_out(UUID(suppression_id))


@task(queue="sync", name="campaigns.read_provider_run")
def read_provider_run(campaign_id: str) -> str:
    """Read a campaign at the provider that runs it."""
    from campaigns.services.provider_runs import mirroring

    return mirroring.read(UUID(campaign_id))


@platform_task(queue="sync", name="campaigns.sweep_provider_runs")
def sweep_provider_runs() -> int:
    """Find pushes that nobody took up, campaigns that something holds up or lets go, and those to be read."""
    from campaigns.services.provider_runs import sweeping

    return sweeping.sweep()


@task(queue="dispatch", name="campaigns.hand_over")
def hand_over(enrollment_id: str) -> int:
    """Replace senders of an enrollment that are gone for good."""
    from campaigns.services import handover

    return handover.hand_over(enrollment_id=UUID(enrollment_id))


@task(queue="bulk", name="campaigns.simulate")
def simulate(simulation_id: str) -> None:
    """Run one simulation."""
    from campaigns.services import simulations

    simulations.work(simulation_id=UUID(simulation_id))


@platform_task(queue="bulk", name="campaigns.sweep_simulations")
def sweep_simulations() -> None:
    """Find simulations that a killed worker left behind and run them again."""
    from campaigns.services import simulations

    for left in simulations.forgotten():
        with organization_scope(left.organization_id):
            simulations.work(simulation_id=left.id)


@platform_task(queue="reports", name="campaigns.settle_variants")
def settle_variants() -> int:
    """Choose the winners that the stated test has found meanwhile."""
    from campaigns.services import variants

    chosen = 0
    for campaign in variants.on_trial():
        with organization_scope(campaign.organization_id):
            chosen += len(variants.settle(campaign))
    return chosen


@platform_task(queue="dispatch", name="campaigns.tick")
def tick() -> None:
    """Work on the actions that are due."""
    from campaigns.services import engine

    engine.tick()


@platform_task(queue="bulk", name="campaigns.release_brakes")
def release_brakes() -> None:
    """Let sending go on where a brake's time is over."""
    from campaigns.services import brakes

    for organization_id in brakes.organizations_with_brakes_over():
        with organization_scope(organization_id):
            brakes.release_over()


@platform_task(queue="bulk", name="campaigns.let_waiting_leads_in")
def let_waiting_leads_in() -> None:
    """Enroll leads whose reason to wait is gone."""
    from campaigns.services import enrollments, entry

    for campaign in entry.with_waiting():
        with organization_scope(campaign.organization_id):
            enrollments.enroll_audience(campaign_id=campaign.id)


@worker_shutting_down.connect
def stop_ticking(**kwargs: Any) -> None:
    """A worker that is asked to stop finishes the batch at hand and frees what it has claimed beyond it."""
    from campaigns.services import engine

    engine.stop_soon()


@worker_init.connect
def start_ticking(**kwargs: Any) -> None:
    """A worker that begins takes claims."""
    from campaigns.services import engine

    engine.go_on()


BEAT = {
    "release-brakes": ("campaigns.release_brakes", 30.0, "bulk"),
    "engine-tick": ("campaigns.tick", 2.0, "dispatch"),
    "sweep-provider-runs": ("campaigns.sweep_provider_runs", 10.0, "sync"),
    "sweep-imports": ("campaigns.sweep_imports", 15.0, "bulk"),
    "sweep-plan-migrations": ("campaigns.sweep_plan_migrations", 30.0, "bulk"),
    "sweep-lead-acts": ("campaigns.sweep_lead_acts", 30.0, "bulk"),
    "prune-lead-acts": ("campaigns.prune_lead_acts", 3600.0, "bulk"),
    "forget": ("campaigns.forget", 3600.0, "bulk"),
    "sweep-simulations": ("campaigns.sweep_simulations", 30.0, "bulk"),
    "settle-variants": ("campaigns.settle_variants", 300.0, "reports"),
    "let-waiting-leads-in": ("campaigns.let_waiting_leads_in", 300.0, "bulk"),
    "sweep-audiences": ("campaigns.sweep_audiences", 15.0, "bulk"),
}

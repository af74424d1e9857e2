"""Celery application: queues by kind of work, and the beat schedule. Ticks only look for rows that are due."""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from typing import Any

from celery import Celery
from celery.signals import beat_init, setup_logging
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings.dev")
# Containers and fresh machines often have no user but root; workers need not complain about it.
warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")

app = Celery("outbound")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.steps["worker"].add(DjangoStructLogInitStep)
app.autodiscover_tasks()


@setup_logging.connect
def _keep_django_logging(**kwargs: Any) -> None:
    """Workers log like the web process: Django's LOGGING stays in force."""
    import logging.config

    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


def _every(seconds: float, task: str, queue: str) -> dict[str, Any]:
    # A tick that no worker picked up before the next one is due is worthless: let it expire.
    return {"task": task, "schedule": seconds, "options": {"queue": queue, "expires": max(seconds, 5)}}


def schedule() -> dict[str, dict[str, Any]]:
    """Compose the beat schedule from what each room declares as ``BEAT``: name, seconds, queue."""
    from campaigns.tasks import BEAT as CAMPAIGNS
    from inbox.tasks import BEAT as INBOX
    from integrations.tasks import BEAT as INTEGRATIONS
    from project.core.upkeep import BEAT as CORE
    from project.tenancy.tasks import BEAT as TENANCY
    from reporting.tasks import BEAT as REPORTING

    return {
        name: _every(seconds, task, queue)
        for room in (CORE, TENANCY, INTEGRATIONS, CAMPAIGNS, INBOX, REPORTING)
        for name, (task, seconds, queue) in room.items()
    }


@beat_init.connect
def _take_schedule(sender: Any, **kwargs: Any) -> None:
    # Not earlier: the rooms' tasks can only be imported once Django is set up. The scheduler has read its
    # configuration by now, so it is told directly. Everything is due at once: ticks only look for rows that are
    # due, and an installation is ready when its processes have shown a sign of life.
    sender.scheduler.merge_inplace(schedule())
    for entry in sender.scheduler.schedule.values():
        entry.last_run_at = sender.app.now() - timedelta(days=2)

"""Reports as requests, with sign-in, rights, templates and everything on them: the median milliseconds of each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from django.test import Client as Browser
from django.urls import reverse

from campaigns.models import Campaign
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import Client, Membership, Organization, Role, User

#: Pages by name: address and query. ``client`` and ``campaign`` stand for what is in the middle of the year.
_PAGES: Final = {
    "client": ("reporting:client", "days=90"),
    "campaign": ("reporting:campaign", "days=90"),
    "cohorts": ("reporting:cohorts", ""),
    "rows": ("reporting:rows", "kind=replied&days=90"),
    "index": ("reporting:index", "days=90"),
    "compare": ("reporting:compare", "days=90"),
    "inbox": ("reporting:inbox", "days=90"),
    "sending": ("reporting:sending", ""),
    "live": ("reporting:live", ""),
}


def page_times(organization: Organization, rounds: int) -> dict[str, float]:
    """Return the milliseconds of each page, as ``page_<name>_ms``. Raises ``RuntimeError`` if one does not answer."""
    with organization_scope(organization.id):
        client = Client.objects.order_by("id")[1]
        campaign = Campaign.objects.filter(client=client).order_by("id")[0]
    with _signed_in(organization) as browser:
        return {
            f"page_{name}_ms": statistics.median(
                _asked(browser, f"{_address(organization, view, client.id, campaign.id)}?{query}", rounds)
            )
            for name, (view, query) in _PAGES.items()
        }


@contextmanager
def _signed_in(organization: Organization) -> Iterator[Browser]:
    with platform_scope("a manager for a benchmark"):
        user = User.objects.create(email=f"bench@{organization.slug}.test", name="Bench")
    try:
        with organization_scope(organization.id):
            Membership.objects.create(user=user, role=Role.MANAGER)
        browser = Browser(headers={"host": "localhost"})
        browser.force_login(user)
        yield browser
    finally:
        with platform_scope("remove the manager of a benchmark"):
            Membership.objects.filter(user=user).delete()
            user.delete()


def _address(organization: Organization, view: str, client_id: UUID, campaign_id: UUID) -> str:
    names = {"reporting:client": {"client_id": client_id}}
    if view in {"reporting:campaign", "reporting:cohorts"}:
        names[view] = {"campaign_id": campaign_id}
    return reverse(view, kwargs={"organization_slug": organization.slug, **names.get(view, {})})


def _asked(browser: Browser, address: str, rounds: int) -> list[float]:
    times = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        with no_scope():
            answer = browser.get(address)
        times.append(1e3 * (time.perf_counter() - began))
        if answer.status_code != 200:
            raise RuntimeError(f"{address} answered {answer.status_code}.")
    return times[1:]

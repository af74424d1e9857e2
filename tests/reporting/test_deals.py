"""What deals are worth on a client's report: each figure opens its rows, and the client sees them if it is let."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import Client as Browser

from campaigns.models import Deal, Lead
from campaigns.services import campaigns, deals
from reporting import exports, selectors
from reporting.filters import Filters
from reporting.services import portal
from tests.api.conftest import Program
from tests.campaigns.conftest import World
from tests.reporting.test_reports import answered

__all__ = ["answered"]

pytestmark = pytest.mark.django_db


def deal(world: World, first_name: str, stage: str, value: str | None = None, currency: str = "NOK") -> Deal:
    return deals.save(
        lead_id=Lead.objects.get(first_name=first_name).id,
        stage=stage,
        value=Decimal(value) if value else None,
        currency=currency if value else "",
        meeting_on=None,
        actor=world.agency.agent,
    )


def test_a_report_sums_deals_and_opens_the_rows_behind_each_figure(answered: World, client: Browser) -> None:
    agency = answered.agency
    deal(answered, "Marta", "won", "12500.50")
    deal(answered, "Owen", "open", "900", "EUR")
    deal(answered, "Joost", "open")
    outside = answered.lead("Piet", "piet")
    deal(answered, "Piet", "open", "100", "EUR")
    report = agency.url(f"reports/clients/{agency.first.id}/")
    client.force_login(agency.manager)

    page = " ".join(client.get(report).content.decode().split())
    assert "12,500.50 NOK" in page
    assert "1,000 EUR" in page
    assert "and 1 without a value" in page
    rows = client.get(f"{report}deals/?stage=open").content.decode()
    assert [name in rows for name in ("Owen", "Joost", "Piet", "Marta")] == [True, True, True, False]

    # Of a campaign only those who are in it count, in the figure and in its rows.
    narrowed = f"campaign={answered.campaign.id}"
    assert "900 EUR" in client.get(f"{report}?{narrowed}").content.decode()
    rows = client.get(f"{report}deals/?stage=open&{narrowed}").content.decode()
    assert (outside.first_name in rows, "Owen" in rows) == (False, True)
    foreign = campaigns.create(client=agency.second, name="Foreign", actor=agency.manager)
    assert client.get(f"{report}deals/?campaign={foreign.id}").status_code == 404
    assert client.get(f"{report}deals/?campaign=x").status_code == 404
    assert client.get(f"{report}deals/?cursor=x").status_code == 404

    filters = Filters.of({}, ZoneInfo("UTC"))
    found = selectors.client_report(agency.first, filters, agency.access(agency.manager))
    sheet = next(rows for name, _, rows in exports.tables(found) if name == "Deals now")
    assert ["Won", 1, 0, Decimal("12500.50"), "NOK"] in sheet
    assert selectors.client_report(agency.first, filters)["deals"] is None, "share links show none"

    # A deal that is gone is gone from the figures.
    deals.remove(lead_id=Lead.objects.get(first_name="Marta").id, actor=agency.agent)
    assert "12,500.50" not in client.get(report).content.decode()


def test_the_client_sees_deals_only_if_it_is_let(answered: World, client: Browser) -> None:
    agency = answered.agency
    deal(answered, "Marta", "won", "12500")
    report = agency.url(f"reports/clients/{agency.first.id}/")
    program = Program(agency, agency.client_user)
    path = f"analytics/clients/{agency.first.id}"

    def seen() -> list[bool]:
        client.force_login(agency.client_user)
        return [
            "12,500" in client.get(report).content.decode(),
            "Marta" in client.get(f"{report}deals/").content.decode(),
            bool(program("GET", f"{path}/deals")[1]),
            bool(program("GET", f"{path}/deal-rows")[1]["items"]),
        ]

    assert seen() == [False] * 4
    client.force_login(agency.manager)
    client.post(f"{report}portal/", {"shows_replies": "1", "shows_deals": "1"})
    assert seen() == [True] * 4
    assert client.get(agency.url(f"reports/clients/{agency.second.id}/deals/")).status_code == 404
    # Who says nothing about deals leaves them as they are.
    portal.set_policy(
        access=agency.access(agency.manager), client=agency.first, shows_replies=True, hides_addresses=True
    )
    assert seen() == [True] * 4

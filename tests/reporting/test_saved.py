"""Filters of a report under a name, and notes of what happened on a day."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from reporting.models import ReportNote, SavedReport
from tests.campaigns.conftest import World
from tests.reporting.test_reports import answered

__all__ = ["answered"]

pytestmark = pytest.mark.django_db


def test_saved_reports_are_ones_own_or_shared(answered: World, client: Browser) -> None:
    agency = answered.agency
    report = agency.url(f"reports/clients/{agency.first.id}/")
    client.force_login(agency.manager)
    given = {"name": "E-mail, a quarter", "query": "days=90&channel=email&before=0", "is_shared": "1"}
    answer = client.post(f"{report}save/", given)
    assert answer.headers["Location"] == f"{report}?days=90&before=0&channel=email"
    client.post(f"{report}save/", {"name": "Mine", "query": "days=7"})
    assert client.post(f"{report}save/", {"name": "Mine", "query": "days=28"}).status_code == 303
    assert SavedReport.objects.get(name="Mine").query == "days=28", "one's own of that name is replaced"
    client.post(f"{report}save/", {"name": " "})
    assert SavedReport.objects.count() == 2
    client.force_login(agency.client_user)
    page = client.get(report).content.decode()
    assert "E-mail, a quarter" in page
    assert "Mine" not in page
    client.post(f"{report}save/", {"name": "Ours", "is_shared": "1"})
    assert not SavedReport.objects.get(name="Ours").is_shared, "clients keep theirs for themselves"
    shared = SavedReport.objects.get(is_shared=True)
    client.post(agency.url(f"reports/saved/{shared.id}/remove/"))
    assert SavedReport.objects.filter(id=shared.id).exists(), "it is somebody else's"
    client.force_login(agency.manager)
    client.post(agency.url(f"reports/saved/{shared.id}/remove/"))
    assert not SavedReport.objects.filter(id=shared.id).exists()


def test_a_note_stands_on_the_chart_and_in_files(answered: World, client: Browser) -> None:
    agency = answered.agency
    report = agency.url(f"reports/clients/{agency.first.id}/")
    client.force_login(agency.client_user)
    assert client.post(f"{report}notes/", {"day": "2026-11-17", "text": "Fair"}).status_code == 403
    client.force_login(agency.manager)
    client.post(f"{report}notes/", {"day": "soon", "text": "Fair"})
    client.post(f"{report}notes/", {"day": "2026-11-17", "text": "The fair began"})
    note = ReportNote.objects.get()
    client.force_login(agency.client_user)
    page = client.get(report).content.decode()
    assert f'data-note="{note.id}"' in page
    assert "The fair began" in page
    text = b"".join(client.get(f"{report}report.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert "2026-11-17,The fair began" in text
    assert "The fair began" not in client.get(f"{report}?from=2026-11-18&to=2026-11-18").content.decode()
    client.force_login(agency.manager)
    client.post(agency.url(f"reports/notes/{note.id}/remove/"))
    assert not ReportNote.objects.exists()

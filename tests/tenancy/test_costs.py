"""Queries per page stay the same however many rows there are."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from project.tenancy import audit
from project.tenancy.services import clients, entitlements, invitations, tokens
from tests.factories import Agency, make_member, make_user

pytestmark = pytest.mark.django_db

#: The most queries one page may need: session, user, organization, access, frame, and the page's own.
LIMIT = 30


def grow(agency: Agency, number: int) -> None:
    access = agency.access(agency.admin)
    with agency.scope():
        client = clients.create(access=access, name=f"Client {number}")
        make_member(make_user(f"more{number}@kestrel.test"), "agent", [client, agency.first])
        invitations.create(email=f"invited{number}@kestrel.test", role="viewer", actor=agency.admin)
        entitlements.grant(capability="sms_outreach", provider="twilio", client_id=client.id, actor=None)
        tokens.create(access=access, name=f"Token {number}", scopes=["read"])
        audit.record(actor=agency.admin, action="test.happened", subject=client)


@pytest.mark.parametrize("section", ["", "clients/", "members/", "entitlements/", "tokens/", "audit/"])
def test_settings_pages_need_the_same_queries_for_more_rows(kestrel: Agency, section: str) -> None:
    browser = Browser()
    browser.force_login(kestrel.admin)

    def queries() -> list[Any]:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(kestrel.url(f"settings/{section}")).status_code == 200
        return captured.captured_queries

    grow(kestrel, 0)
    queries()
    few = queries()
    for number in range(1, 12):
        grow(kestrel, number)
    many = queries()
    assert len(many) <= len(few), "\n".join(query["sql"] for query in many)
    assert len(few) <= LIMIT


@pytest.mark.parametrize(
    "path", ["/clients", "/members", "/tokens", "/audit", "/invitations", "/entitlements"]
)
def test_api_lists_need_the_same_queries_for_more_rows(kestrel: Agency, path: str) -> None:
    browser = Browser(headers={"X-Organization": kestrel.slug})
    browser.force_login(kestrel.admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(f"/api/v1{path}").status_code == 200
        return len(captured)

    grow(kestrel, 0)
    few = queries()
    for number in range(1, 12):
        grow(kestrel, number)
    assert queries() <= few

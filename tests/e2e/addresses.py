"""The pages of the installation, read from the URLconf: every address that answers somebody with a whole page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.apps import apps
from playwright.sync_api import BrowserContext

from project.core.embedded.runtime import discover
from project.core.embedded.trial import Installation
from tests.architecture.objects import MODELS, WORDS
from tests.architecture.routes import Route, routes

#: Which row stands for an argument, where the first of the organization says too little.
_TELLING = {
    "campaigns_campaign": "name = 'Nordic cold-chain DCs'",
    "campaigns_leadimport": "file_name = 'Nordic cold-chain DCs.csv'",
    "inbox_conversation": "has_inbound AND lead_id IS NOT NULL AND campaign_id IS NOT NULL",
    "campaigns_lead": "id IN (SELECT lead_id FROM campaigns_enrollment)",
    "integrations_webhookdelivery": "state = 'processed'",
}
#: Arguments that the authorization matrix finds in another way.
_OTHERS = {"member_id": "tenancy.Membership"}
#: Addresses that are not visited: they change something, or leave.
_LEFT_OUT = ("accounts/2fa/recovery-codes/download/",)


def pages(context: BrowserContext, installation: Installation, *beginnings: str) -> list[str]:
    """The addresses below ``beginnings`` that answer this browser with a page of their own, without a detour."""
    found = []
    with _database(installation) as cursor:
        for path in dict.fromkeys(one for one in _paths(cursor) if one.startswith(beginnings)):
            answer = context.request.get(path, max_redirects=0, fail_on_status_code=False)
            # What a stranger sent is shown in a frame without scripts, in which nothing can be looked at by one.
            caged = "sandbox" in answer.headers.get("content-security-policy", "")
            if answer.status == 200 and not caged and _is_document(answer.text()):
                found.append(path)
    return found


def _is_document(text: str) -> bool:
    return text[:20].lstrip().lower().startswith("<!doctype html")


def _paths(cursor: psycopg.Cursor[Any]) -> Iterator[str]:
    for route in routes():
        if route.pattern in _LEFT_OUT or "^" in route.pattern:
            continue
        values = {name: _value(cursor, name, route) for name in route.arguments}
        if None not in values.values():
            yield route.path(values)


def _value(cursor: psycopg.Cursor[Any], name: str, route: Route) -> str | None:
    if name == "organization_slug":
        return "demo"
    if name == "organization_id":
        return str(_organization(cursor))
    label = MODELS.get(name) or _OTHERS.get(name)
    if label is None:
        return WORDS.get(name)
    table = apps.get_model(label)._meta.db_table
    where = _TELLING.get(table, "true")
    query = f"SELECT id FROM {table} WHERE organization_id = %s AND {where} ORDER BY id LIMIT 1"
    row = cursor.execute(query, [_organization(cursor)]).fetchone()  # type: ignore[call-overload]
    return str(row[0]) if row else None


def _organization(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.execute("SELECT id FROM tenancy_organization WHERE slug = 'demo'").fetchone()
    assert row is not None
    return row[0]


@contextmanager
def _database(installation: Installation) -> Iterator[psycopg.Cursor[Any]]:
    """A cursor of the installation's database, which sees every organization."""
    found = discover(installation.data_dir)
    assert found is not None
    with psycopg.connect(found.database_url) as connection:
        yield connection.cursor()

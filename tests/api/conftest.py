"""Programs that call the JSON API, in the world of campaigns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Browser

from project.core.scoping import no_scope
from project.tenancy.models import User
from project.tenancy.services import tokens
from tests.campaigns.conftest import World, world
from tests.factories import Agency, make_agency

__all__ = ["world"]


class Program:
    """A holder of an API token: JSON in, ``(status, body)`` out. ``answer`` is the last response."""

    def __init__(self, agency: Agency, user: User, *scopes: str) -> None:
        with no_scope(), agency.scope():
            _, self.token = tokens.create(
                access=agency.access(user), name="program", scopes=list(scopes or ("read", "write"))
            )
        self.browser = Browser()
        self.answer: Any = None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent: dict[str, Any] = {}
        if body is not None:
            sent = {"data": json.dumps(body), "content_type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with no_scope():
            self.answer = self.browser.generic(
                method,
                f"/api/v1/{path}",
                headers={"Authorization": f"Bearer {self.token}", **named},
                **sent,
            )
        return self.answer.status_code, json.loads(self.answer.content or b"null")

    def upload(self, path: str, fields: dict[str, Any]) -> tuple[int, Any]:
        with no_scope():
            self.answer = self.browser.post(
                f"/api/v1/{path}", fields, headers={"Authorization": f"Bearer {self.token}"}
            )
        return self.answer.status_code, json.loads(self.answer.content)


@pytest.fixture
def manager(world: World) -> Program:
    return Program(world.agency, world.agency.manager)


@pytest.fixture
def agent(world: World) -> Program:
    return Program(world.agency, world.agency.agent)


@pytest.fixture
def reader(world: World) -> Program:
    """A manager's token that may only read."""
    return Program(world.agency, world.agency.manager, "read")


@pytest.fixture
def limited(world: World) -> Program:
    """A manager of the other client only."""
    return Program(world.agency, world.agency.limited)


@pytest.fixture
def stranger(world: World) -> Program:
    """The admin of another organization."""
    with no_scope():
        rival = make_agency("rival")
    return Program(rival, rival.admin)

"""The authorization matrix: every address and every operation x role x own or foreign organization, client, object.

Nothing here is a list of addresses: they are read from the URLconf and from the API, so that a new one without a
stated rule, or with an argument nobody has explained, fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import transaction
from django.test import Client as Browser
from pytest_django import DjangoDbBlocker

from project.core.scoping import platform_scope
from project.tenancy.access import ROLE_PERMISSIONS, SIGNED_IN, SUPERADMIN, Permission
from project.tenancy.models import User
from tests.architecture.objects import PERSONAL, argument, form
from tests.architecture.routes import ApiOperation, Route, operations, routes
from tests.factories import Agency, make_agency, make_user
from tests.rows import Rows

pytestmark = pytest.mark.django_db

ROLES = ("admin", "manager", "agent", "viewer", "client", "ops")
ROUTES = routes()
OPERATIONS = operations()
METHODS = ("GET", "POST")

#: What a person may not: forbidden, not there, or sign in first.
REFUSALS = {401, 403, 404}

#: The request was let in and asked a provider, which is not there in a test.
PROVIDER_FAILED = {502, 503}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_address_states_its_rule(route: Route) -> None:
    if route.is_exempt:
        return
    rule = route.rule
    assert rule is not None, (
        f"{route} has no access rule: use organization_view, public_view or superadmin_view."
    )
    if route.is_scoped:
        assert isinstance(rule, Permission), f"{route} lies below /o/ and must demand a permission."
    else:
        assert rule in {SUPERADMIN, SIGNED_IN} or str(rule).startswith("public: ")


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_operation_states_its_rule(operation: ApiOperation) -> None:
    rule = operation.rule
    assert rule is not None, f"{operation} has no rule: put @api_rule below the route decorator."
    assert isinstance(rule, Permission) or rule in {SUPERADMIN, SIGNED_IN} or rule.startswith("public: ")


@pytest.mark.parametrize(
    "name",
    sorted(
        {name for route in ROUTES for name in route.arguments if name != "organization_slug"}
        | {name for operation in OPERATIONS for name in operation.arguments}
    ),
)
def test_every_argument_is_explained(name: str) -> None:
    if all(route.is_exempt for route in ROUTES if name in route.arguments) and not any(
        name in operation.arguments for operation in OPERATIONS
    ):
        return
    assert argument(name) is not None, f"Say in tests/architecture/objects.py what {name} stands for."


@contextmanager
def undone() -> Iterator[None]:
    """Run the block and take back whatever it did."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


def values_for(names: tuple[str, ...], rows: Rows) -> dict[str, Any]:
    values: dict[str, Any] = {}
    with rows.agency.scope():
        for name in names:
            found = None if name == "organization_slug" else argument(name)
            if found is not None:
                values[name] = found.make(rows)
    return {**values, "organization_slug": rows.agency.slug}


class Caller:
    """Sends requests as people who are signed in already; what a request changed is undone, sign-outs too."""

    def __init__(self, people: Iterable[User]) -> None:
        self._browsers: dict[Any, Browser] = {None: Browser(raise_request_exception=False)}
        for user in people:
            browser = self._browsers[user] = Browser(raise_request_exception=False)
            browser.force_login(user)
        self._cookies = {user: SimpleCookie(browser.cookies) for user, browser in self._browsers.items()}

    def __call__(
        self,
        user: User | None,
        method: str,
        path: str,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> int:
        """The status of one request. 500 is a status here, not an exception."""
        browser = self._browsers[user]
        browser.cookies = SimpleCookie(self._cookies[user])
        body: dict[str, Any] = {}
        if headers and method != "GET":
            body = {"data": "{}", "content_type": "application/json"}
        elif form and method != "GET":
            body = {"data": urlencode(form), "content_type": "application/x-www-form-urlencoded"}
        with undone():
            return browser.generic(method, path, headers=headers, **body).status_code


@pytest.fixture(scope="module")
def beginning(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """One transaction around all tests of this file: its people are made and signed in once for hundreds of them."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def kestrel(beginning: None) -> Agency:
    return make_agency("kestrel")


@pytest.fixture(scope="module")
def rival(beginning: None) -> Agency:
    return make_agency("rival")


@pytest.fixture(scope="module")
def staff(beginning: None) -> User:
    return make_user("staff@platform.test", is_superadmin=True)


@pytest.fixture(scope="module")
def outsider(beginning: None) -> User:
    return make_user("outsider@nowhere.test")


@pytest.fixture(scope="module")
def call(kestrel: Agency, rival: Agency, staff: User, outsider: User) -> Caller:
    return Caller([*kestrel.people.values(), rival.admin, staff, outsider])


SCOPED = [route for route in ROUTES if route.is_scoped and isinstance(route.rule, Permission)]


@pytest.mark.parametrize("route", SCOPED, ids=str)
def test_pages_by_role_organization_client_and_object(
    route: Route, kestrel: Agency, rival: Agency, call: Caller
) -> None:
    own, foreign = Rows(kestrel, kestrel.first), Rows(rival, rival.first)
    path = route.path(values_for(route.arguments, own))
    with kestrel.scope():
        sent = form(route.pattern, own)
    explained = [found for name in route.arguments if (found := argument(name)) is not None]
    names_object = any(found.is_object for found in explained)
    client_bound = any(found.client_bound for found in explained)
    whole = getattr(route.view, "access_whole", False)
    personal = not PERSONAL.isdisjoint(route.arguments)
    for method in METHODS:
        in_form = bool(sent) and method == "POST"
        assert call(None, method, path, sent) == 302, f"{method} {path} signed out"
        status = call(rival.admin, method, path, sent)
        assert status == 404, f"{method} {path} by the admin of another organization: {status}"
        answers = {role: call(kestrel.people[role], method, path, sent) for role in ROLES}
        # A method that nobody may use answers 405 to everybody, which tells nothing.
        none = {405} if answers["admin"] == 405 else set()
        for role, status in answers.items():
            message = f"{method} {path} as {role}: {status}"
            if route.rule not in ROLE_PERMISSIONS[role] or (role == "client" and whole):
                assert status in {403} | none, message
            elif personal and role != "admin":
                assert status in {404} | none, message
            else:
                assert status not in REFUSALS, message
                assert status < 500 or status in PROVIDER_FAILED, message
        if names_object or in_form:
            # An object of another organization, under the own organization's address.
            values = {**values_for(route.arguments, foreign), "organization_slug": kestrel.slug}
            with rival.scope():
                other = form(route.pattern, foreign)
            status = call(kestrel.admin, method, route.path(values), other)
            assert status in {404} | none, f"{method} {path} with a foreign object: {status}"
        if (client_bound or in_form) and route.rule in ROLE_PERMISSIONS["manager"]:
            # ``limited`` reaches the second client only; these rows are the first client's.
            status = call(kestrel.limited, method, path, sent)
            refused = {404, 403} if whole else {404}
            assert status in refused | none, (
                f"{method} {path} by a member limited to another client: {status}"
            )


OUTSIDE = [route for route in ROUTES if not route.is_scoped and not route.is_exempt]


@pytest.mark.parametrize("route", [r for r in OUTSIDE if r.rule == SUPERADMIN], ids=str)
def test_platform_pages_are_for_staff_only(route: Route, kestrel: Agency, staff: User, call: Caller) -> None:
    path = route.path(values_for(route.arguments, Rows(kestrel, kestrel.first)))
    for method in METHODS:
        assert call(None, method, path) == 404
        for role in ROLES:
            assert call(kestrel.people[role], method, path) == 404, f"{method} {path} as {role}"
        assert call(staff, method, path) not in REFUSALS


@pytest.mark.parametrize("route", [r for r in OUTSIDE if r.rule == SIGNED_IN], ids=str)
def test_pages_for_whoever_is_signed_in(route: Route, kestrel: Agency, outsider: User, call: Caller) -> None:
    path = route.path(values_for(route.arguments, Rows(kestrel, kestrel.first)))
    assert call(None, "GET", path) == 302
    for user in (outsider, *kestrel.people.values()):
        assert call(user, "GET", path) not in REFUSALS


@pytest.mark.parametrize("route", [r for r in OUTSIDE if str(r.rule).startswith("public: ")], ids=str)
def test_public_pages_never_fail_and_never_ask_to_sign_in(
    route: Route, kestrel: Agency, call: Caller
) -> None:
    path = route.path(values_for(route.arguments, Rows(kestrel, kestrel.first)))
    for method in METHODS:
        status = call(None, method, path)
        assert status < 500 or status == 503, f"{method} {path}: {status}"
        assert status != 302


RULED = [operation for operation in OPERATIONS if isinstance(operation.rule, Permission)]


@pytest.mark.parametrize("operation", RULED, ids=str)
def test_operations_by_role_organization_client_and_object(
    operation: ApiOperation, kestrel: Agency, rival: Agency, call: Caller
) -> None:
    own, foreign = Rows(kestrel, kestrel.first), Rows(rival, rival.first)
    path = operation.url(values_for(operation.arguments, own))
    explained = [found for name in operation.arguments if (found := argument(name)) is not None]
    whole = getattr(operation.function, "access_whole", False)
    here = {"X-Organization": kestrel.slug}
    assert call(None, operation.method, path, headers=here) == 401
    assert call(rival.admin, operation.method, path, headers=here) == 404
    assert call(kestrel.admin, operation.method, path, headers={"X-Organization": ""}) == 400
    for role in ROLES:
        status = call(kestrel.people[role], operation.method, path, headers=here)
        message = f"{operation} as {role}: {status}"
        if operation.rule not in ROLE_PERMISSIONS[role] or (role == "client" and whole):
            assert status == 403, message
        elif role != "admin" and not PERSONAL.isdisjoint(operation.arguments):
            assert status == 404, message
        else:
            assert status not in REFUSALS, message
            assert status < 500 or status in PROVIDER_FAILED, message
    if any(found.is_object for found in explained):
        status = call(
            kestrel.admin,
            operation.method,
            operation.url(values_for(operation.arguments, foreign)),
            headers=here,
        )
        assert status in {404, 422}, f"{operation} with a foreign object: {status}"
        if status == 422:
            # A body was demanded first: no word about the object either way.
            assert status == call(kestrel.admin, operation.method, path, headers=here)
    if any(found.client_bound for found in explained) and operation.rule in ROLE_PERMISSIONS["manager"]:
        status = call(kestrel.limited, operation.method, path, headers=here)
        same = call(kestrel.admin, operation.method, path, headers=here)
        assert status == 404 or (whole and status == 403) or status == same == 422, (
            f"{operation} limited: {status}"
        )


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.rule == SUPERADMIN], ids=str)
def test_platform_operations_are_for_staff_only(
    operation: ApiOperation, kestrel: Agency, staff: User, call: Caller
) -> None:
    path = operation.url(values_for(operation.arguments, Rows(kestrel, kestrel.first)))
    here = {"X-Organization": kestrel.slug}
    assert call(None, operation.method, path, headers=here) == 401
    for role in ROLES:
        assert call(kestrel.people[role], operation.method, path, headers=here) == 404
    assert call(staff, operation.method, path, headers=here) not in REFUSALS


def test_the_matrix_sees_the_product() -> None:
    """The enumeration itself works: known addresses and operations are in it."""
    patterns = {route.pattern for route in ROUTES}
    assert {"", "platform/", "o/<slug:organization_slug>/settings/", "healthz"} <= patterns
    assert {"POST /auth/login", "GET /clients/{client_id}"} <= {str(operation) for operation in OPERATIONS}
    with platform_scope("test"):
        assert set(ROLES) == set(ROLE_PERMISSIONS)

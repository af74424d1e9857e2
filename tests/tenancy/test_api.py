"""The base of the JSON API: who is let in, in which shape errors come, keys, cursors, quotas, description."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.db import connections
from django.test import Client as Browser
from django.test import override_settings
from ninja import Schema

from project.core import quotas
from project.core.clock import now
from project.core.scoping import platform_scope
from project.tenancy.models import ApiToken, AuditEntry, Client, IdempotencyKey, Membership, User
from project.tenancy.services import memberships, tokens
from tests.factories import PASSWORD, Agency, make_agency

pytestmark = pytest.mark.django_db

APPS = {"project", "integrations", "campaigns", "inbox", "reporting"}


class Api:
    """A caller of the API: JSON in, ``(status, body)`` out."""

    def __init__(self, token: str = "", **headers: str) -> None:
        self.headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **headers}
        self.browser = Browser(enforce_csrf_checks=True, raise_request_exception=False)
        self.response: Any = None

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        data: Any = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        every = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.response = self.browser.generic(method, f"/api/v1{path}", headers=every, **data)
        return self.response.status_code, json.loads(self.response.content or b"null")


def token_of(agency: Agency, user: User, *scopes: str) -> str:
    with agency.scope():
        _, token = tokens.create(
            access=agency.access(user), name="test", scopes=list(scopes or ("read", "write"))
        )
    return token


@pytest.fixture
def admin(kestrel: Agency) -> Api:
    return Api(token_of(kestrel, kestrel.admin))


# --- Ways in --------------------------------------------------------------------------------------------


def test_a_token_knows_its_organization_and_notes_its_use(kestrel: Agency, admin: Api) -> None:
    status, me = admin("GET", "/me")
    assert (status, me["organization"], me["role"], me["read_only"]) == (200, "kestrel", "admin", False)
    with kestrel.scope():
        assert ApiToken.objects.get().last_used_at is not None


def test_a_reading_token_may_not_write(kestrel: Agency) -> None:
    api = Api(token_of(kestrel, kestrel.admin, "read"))
    assert api("GET", "/clients")[0] == 200
    status, error = api("POST", "/clients", {"name": "New"})
    assert (status, error["code"]) == (403, "FORBIDDEN")


def test_tokens_that_are_no_good_are_refused(kestrel: Agency) -> None:
    token = token_of(kestrel, kestrel.admin)
    for wrong in ("oex_wrong", "nonsense", "a.b.c"):
        status, error = Api(wrong)("GET", "/me")
        assert (status, error["code"]) == (401, "TOKEN_INVALID")
    assert Api(Authorization="Basic eDp5")("GET", "/me")[0] == 401
    with kestrel.scope():
        ApiToken.objects.update(expires_at=now() - timedelta(seconds=1))
        assert Api(token)("GET", "/me")[0] == 401
        ApiToken.objects.update(expires_at=None, revoked_at=now())
        assert Api(token)("GET", "/me")[0] == 401
        ApiToken.objects.update(revoked_at=None)
        assert Api(token)("GET", "/me")[0] == 200
        member = Membership.objects.get(user=kestrel.admin)
        Membership.objects.filter(id=member.id).update(is_active=False)
    assert Api(token)("GET", "/me")[1]["code"] == "TOKEN_REVOKED"


def test_a_session_says_its_organization_and_sends_the_csrf_token(kestrel: Agency, rival: Agency) -> None:
    api = Api()
    api.browser.force_login(kestrel.admin)
    assert api("GET", "/me")[1]["organization"] is None
    assert api("GET", "/clients")[1]["code"] == "ORGANIZATION_REQUIRED"
    assert api("GET", "/clients", X_Organization="kestrel")[0] == 200
    assert api("GET", "/clients", X_Organization="rival")[0] == 404
    assert api("GET", "/clients", X_Organization="nowhere")[0] == 404
    status, error = api("POST", "/clients", {"name": "New"}, X_Organization="kestrel")
    assert (status, error["code"]) == (403, "CSRF_FAILED")
    api.browser.get("/accounts/password/change/")
    csrf = api.browser.cookies["csrftoken"].value
    status, made = api("POST", "/clients", {"name": "New"}, X_Organization="kestrel", X_CSRFToken=csrf)
    assert (status, made["name"]) == (201, "New")


def test_signing_in_refreshing_and_signing_out(kestrel: Agency) -> None:
    api = Api()
    wrong = {"email": kestrel.agent.email, "password": "wrong"}
    assert api("POST", "/auth/login", wrong)[1]["code"] == "BAD_CREDENTIALS"
    status, pair = api("POST", "/auth/login", {"email": kestrel.agent.email.upper(), "password": PASSWORD})
    assert (status, pair["organization"], pair["expires_in"]) == (200, "kestrel", 900)
    assert Api(pair["access_token"])("GET", "/me")[1]["role"] == "agent"
    assert Api(pair["refresh_token"])("GET", "/me")[1]["code"] == "TOKEN_INVALID"
    status, second = api("POST", "/auth/refresh", {"refresh_token": pair["refresh_token"]})
    assert status == 200
    # The first one again: somebody has a copy. Everything of this sign-in ends.
    assert api("POST", "/auth/refresh", {"refresh_token": pair["refresh_token"]})[1]["code"] == "TOKEN_REUSED"
    assert api("POST", "/auth/refresh", {"refresh_token": second["refresh_token"]})[0] == 401
    with kestrel.scope():
        assert AuditEntry.objects.filter(action="session.token_reused").exists()
    _, third = api("POST", "/auth/login", {"email": kestrel.agent.email, "password": PASSWORD})
    assert api("POST", "/auth/logout", {"refresh_token": third["refresh_token"]})[0] == 204
    assert api("POST", "/auth/logout", {"refresh_token": "rubbish"})[0] == 204
    assert api("POST", "/auth/refresh", {"refresh_token": third["refresh_token"]})[0] == 401


def test_members_of_several_organizations_choose(kestrel: Agency, rival: Agency, outsider: User) -> None:
    with rival.scope():
        memberships.add(user=kestrel.agent, role="viewer", actor=None)
    sign_in = {"email": kestrel.agent.email, "password": PASSWORD}
    status, error = Api()("POST", "/auth/login", sign_in)
    assert (status, error["code"]) == (400, "ORGANIZATION_REQUIRED")
    assert error["details"]["organizations"] == ["kestrel", "rival"]
    _, pair = Api()("POST", "/auth/login", {**sign_in, "organization": "rival"})
    assert Api(pair["access_token"])("GET", "/me")[1]["role"] == "viewer"
    status, error = Api()(
        "POST", "/auth/login", {"email": outsider.email, "password": PASSWORD, "organization": "rival"}
    )
    assert (status, error["code"]) == (401, "NOT_A_MEMBER")


def test_a_second_factor_is_asked_for(kestrel: Agency) -> None:
    from allauth.mfa.totp.internal import auth as totp

    secret = totp.generate_totp_secret()
    totp.TOTP.activate(kestrel.agent, secret)
    sign_in = {"email": kestrel.agent.email, "password": PASSWORD}
    assert Api()("POST", "/auth/login", sign_in)[1]["code"] == "SECOND_FACTOR_REQUIRED"
    assert Api()("POST", "/auth/login", {**sign_in, "code": "000000"})[1]["code"] == "BAD_CODE"
    code = totp.format_hotp_value(totp.hotp_value(secret, next(totp.yield_hotp_counters_from_time())))
    assert Api()("POST", "/auth/login", {**sign_in, "code": code})[0] == 200
    assert Api()("POST", "/auth/login", {**sign_in, "code": code})[1]["code"] == "BAD_CODE"


def test_a_new_password_and_a_lost_membership_end_tokens_at_once(kestrel: Agency) -> None:
    _, pair = Api()("POST", "/auth/login", {"email": kestrel.agent.email, "password": PASSWORD})
    browser = Browser()
    browser.force_login(kestrel.agent)
    changed = browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long one 7", "password2": "another long one 7"},
    )
    assert changed.status_code == 302
    assert Api(pair["access_token"])("GET", "/me")[1]["code"] == "TOKEN_REVOKED"
    assert Api()("POST", "/auth/refresh", {"refresh_token": pair["refresh_token"]})[0] == 401
    _, pair = Api()("POST", "/auth/login", {"email": kestrel.agent.email, "password": "another long one 7"})
    with kestrel.scope():
        member = Membership.objects.get(user=kestrel.agent)
        memberships.set_active(access=kestrel.access(kestrel.admin), member_id=member.id, active=False)
    assert Api(pair["access_token"])("GET", "/me")[1]["code"] == "TOKEN_REVOKED"


def test_failed_tries_are_limited(kestrel: Agency, clean_redis: object) -> None:
    wrong = {"email": kestrel.agent.email, "password": "wrong"}
    with override_settings(ACCOUNT_RATE_LIMITS={"login_failed": "3/m/key"}):
        codes = [Api()("POST", "/auth/login", wrong)[1]["code"] for _ in range(4)]
    assert codes == ["BAD_CREDENTIALS"] * 3 + ["RATE_LIMITED"]


# --- Shape ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "send", "status", "code"),
    [
        ("GET", "/clients?cursor=rubbish", {}, 400, "INVALID_CURSOR"),
        ("GET", "/clients?limit=0", {}, 422, "VALIDATION_ERROR"),
        ("GET", "/nothing", {}, 404, "NOT_FOUND"),
        ("GET", "/clients/01a1fd12-2628-7788-ac42-34a794187042", {}, 404, "NOT_FOUND"),
        ("GET", "/clients/rubbish", {}, 422, "VALIDATION_ERROR"),
        ("POST", "/clients", {"data": "{", "content_type": "application/json"}, 400, "BAD_REQUEST"),
        ("POST", "/clients", {"data": "[]", "content_type": "application/json"}, 422, "VALIDATION_ERROR"),
        ("POST", "/clients", {"data": "x", "content_type": "text/csv"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "POST",
            "/clients",
            {"data": '{"name": " "}', "content_type": "application/json"},
            422,
            "VALIDATION_ERROR",
        ),
        (
            "POST",
            "/clients",
            {"data": '{"name": "HALDEN"}', "content_type": "application/json"},
            409,
            "CLIENT_EXISTS",
        ),
    ],
)
def test_errors_have_one_shape(admin: Api, method: str, path: str, send: Any, status: int, code: str) -> None:
    response = admin.browser.generic(method, f"/api/v1{path}", headers=admin.headers, **send)
    body = json.loads(response.content)
    assert (response.status_code, body["code"]) == (status, code)
    assert set(body) == {"code", "message", "details"}
    assert body["message"]


def test_a_body_that_is_too_large_is_413(admin: Api, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    status, error = admin("POST", "/clients", {"name": "x" * 2000})
    assert (status, error["code"]) == (413, "TOO_LARGE")
    status, error = admin("POST", "/clients", {"name": "x" * 2000}, Idempotency_Key="k")
    assert (status, error["code"]) == (413, "TOO_LARGE")


def test_a_field_error_names_the_field(admin: Api) -> None:
    _, error = admin("POST", "/invitations", {"email": "x@y.test", "role": "king"})
    assert list(error["details"]["fields"]) == ["role"]
    _, error = admin("POST", "/invitations", {"email": "not an address", "role": "agent"})
    assert error["details"] == {"field": "email"}


def test_provider_errors_are_503_or_502(admin: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.errors import ErrorKind, ProviderError
    from project.tenancy.services import clients

    def fail(kind: ErrorKind, **more: Any) -> None:
        def create(**values: Any) -> None:
            raise ProviderError(kind, "It does not answer.", provider="unipile", **more)

        monkeypatch.setattr(clients, "create", create)

    fail(ErrorKind.RATE_LIMITED, retry_after=12.2)
    status, error = admin("POST", "/clients", {"name": "New"})
    assert (status, error["code"], admin.response["Retry-After"]) == (503, "PROVIDER_RATE_LIMITED", "13")
    fail(ErrorKind.AUTH)
    status, error = admin("POST", "/clients", {"name": "New"})
    assert (status, error["code"], error["details"]["transient"]) == (502, "PROVIDER_AUTH", False)


def test_our_own_failure_is_a_500_with_the_request_id(admin: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from project.tenancy.services import clients

    monkeypatch.setattr(clients, "create", lambda **values: 1 / 0)
    status, error = admin("POST", "/clients", {"name": "New"})
    assert (status, error["code"]) == (500, "INTERNAL_ERROR")
    assert error["details"]["request_id"] == admin.response["X-Request-ID"]


def test_lists_go_on_by_cursor(kestrel: Agency, admin: Api) -> None:
    with kestrel.scope():
        for number in range(5):
            Client.objects.create(name=f"N{number}", slug=f"n{number}")
    seen, cursor = [], ""
    while True:
        _, page = admin("GET", f"/clients?limit=3{cursor and f'&cursor={cursor}'}")
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == ["Halden", "N0", "N1", "N2", "N3", "N4", "Tessera"]
    assert isinstance(page["items"][0]["id"], str)
    assert page["items"][0]["created_at"].endswith("Z")


def test_limited_members_see_their_clients_only(kestrel: Agency) -> None:
    api = Api(token_of(kestrel, kestrel.limited))
    assert [item["name"] for item in api("GET", "/clients")[1]["items"]] == ["Tessera"]
    assert api("GET", f"/clients/{kestrel.first.id}")[0] == 404
    assert api("GET", "/members")[0] == 403


# --- Idempotency ----------------------------------------------------------------------------------------


def test_a_key_answers_the_same_and_does_it_once(kestrel: Agency, admin: Api) -> None:
    first = admin("POST", "/clients", {"name": "Once"}, Idempotency_Key="k1")
    again = admin("POST", "/clients", {"name": "Once"}, Idempotency_Key="k1")
    assert first == again
    assert first[0] == 201
    assert admin.response["Idempotent-Replay"] == "true"
    status, error = admin("POST", "/clients", {"name": "Other"}, Idempotency_Key="k1")
    assert (status, error["code"]) == (409, "IDEMPOTENCY_KEY_REUSED")
    with kestrel.scope():
        assert Client.objects.filter(name="Once").count() == 1


def test_a_refused_request_leaves_its_key_free(admin: Api) -> None:
    assert admin("POST", "/clients", {"name": ""}, Idempotency_Key="k")[0] == 422
    assert admin("POST", "/clients", {"name": "Now"}, Idempotency_Key="k")[0] == 201
    assert (
        admin("POST", "/clients", {"name": "Now"}, Idempotency_Key="x" * 201)[1]["code"]
        == "BAD_IDEMPOTENCY_KEY"
    )


def test_keys_of_others_are_their_own(kestrel: Agency, rival: Agency, admin: Api) -> None:
    other = Api(token_of(rival, rival.admin))
    assert admin("POST", "/clients", {"name": "Same"}, Idempotency_Key="k")[0] == 201
    assert other("POST", "/clients", {"name": "Same"}, Idempotency_Key="k")[0] == 201


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_time_does_it_once() -> None:
    agency = make_agency("kestrel")
    token = token_of(agency, agency.admin)
    start, answers = threading.Barrier(4), []

    def send() -> None:
        api = Api(token)
        start.wait()
        try:
            answers.append(api("POST", "/clients", {"name": "Once"}, Idempotency_Key="k"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in answers] == [201] * 4
    assert len({body["id"] for _, body in answers}) == 1
    with agency.scope():
        assert Client.objects.filter(name="Once").count() == 1


def test_a_token_in_a_stored_answer_is_encrypted(kestrel: Agency, admin: Api) -> None:
    _, made = admin("POST", "/tokens", {"name": "CRM"}, Idempotency_Key="k")
    with kestrel.scope():
        assert made["token"] not in IdempotencyKey.objects.get().response
    assert admin("POST", "/tokens", {"name": "CRM"}, Idempotency_Key="k")[1]["token"] == made["token"]


# --- Quotas ---------------------------------------------------------------------------------------------


def test_calls_are_counted_and_refused_beyond_the_quota(
    admin: Api, clean_redis: object, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: 1_800_000_000.0)
        assert admin("GET", "/me")[0] == 200
        assert (admin.response["X-RateLimit-Limit"], admin.response["X-RateLimit-Remaining"]) == ("2", "1")
        assert admin("GET", "/me")[0] == 200
        status, error = admin("GET", "/me")
    assert (status, error["code"]) == (429, "RATE_LIMITED")
    assert admin.response["Retry-After"] == admin.response["X-RateLimit-Reset"] == "60"
    assert admin.response["X-RateLimit-Remaining"] == "0"


def test_without_redis_everybody_is_let_through(
    admin: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.API_REQUESTS_PER_MINUTE = 1
    monkeypatch.setattr(quotas, "_paused_until", 0.0)
    assert [admin("GET", "/me")[0] for _ in range(3)] == [200, 200, 200]
    monkeypatch.setattr(quotas, "_paused_until", 0.0)


# --- Staff and description --------------------------------------------------------------------------------


def test_staff_provision_through_the_api(kestrel: Agency, staff: User) -> None:
    api = Api()
    api.browser = Browser(raise_request_exception=False)
    api.browser.force_login(staff)
    payload = {
        "name": "Marlow",
        "admin_email": kestrel.agent.email,
        "capabilities": {"linkedin_outreach": "unipile"},
    }
    status, made = api("POST", "/organizations", payload)
    assert (status, made["organization"]["slug"], made["admin_invited"]) == (201, "marlow", False)
    assert api("POST", "/organizations", {**payload, "slug": "marlow"})[1]["code"] == "SLUG_TAKEN"
    status, changed = api("PATCH", f"/organizations/{made['organization']['id']}", {"is_active": False})
    assert (status, changed["is_active"]) == (200, False)
    with platform_scope("test"):
        assert AuditEntry.objects.filter(action="organization.suspended", actor=staff).exists()
    # A token acts in one organization; it is no key to the platform.
    assert Api(token_of(kestrel, kestrel.admin))("GET", "/organizations")[0] == 404


def _schemas(base: type[Schema]) -> Iterator[type[Schema]]:
    for schema in base.__subclasses__():
        yield schema
        yield from _schemas(schema)


def test_the_api_describes_itself(kestrel: Agency) -> None:
    browser = Browser()
    described = json.loads(browser.get("/api/v1/openapi.json").content)
    assert described["openapi"].startswith("3.1")
    assert yaml.safe_load(browser.get("/api/v1/openapi.yaml").content) == described
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert "security" in operation, f"{method} {path}"
            assert operation["summary"]
            assert operation.get("description"), f"{method} {path} says nothing about itself"
    # A set: whoever has two parents is found by both.
    ours = {schema for schema in _schemas(Schema) if schema.__module__.split(".")[0] in APPS}
    named = Counter(schema.__name__ for schema in ours)
    twice = sorted(name for name, count in named.items() if count > 1)
    assert not twice, f"The description can say what is meant by one of these only: {twice}"
    page = browser.get("/api/v1/docs").content.decode()
    assert "https://" not in page
    assert "<script>" not in page

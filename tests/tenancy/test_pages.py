"""The pages of tenancy in a request: door, settings, platform."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client as Browser

from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import (
    ApiToken,
    AuditEntry,
    Client,
    Entitlement,
    Invitation,
    Membership,
    Organization,
    User,
)
from project.tenancy.tasks import send_invitation
from tests.factories import PASSWORD, Agency

pytestmark = pytest.mark.django_db

SECTIONS = ("", "clients/", "members/", "entitlements/", "tokens/", "audit/", "account/")


def signed_in(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def test_a_signed_out_person_is_sent_to_sign_in_and_back(kestrel: Agency) -> None:
    response = Browser().get(kestrel.url("settings/members/"))
    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next=/o/{kestrel.slug}/settings/members/"


def test_a_signed_out_fragment_is_sent_to_sign_in_and_back_to_its_page(kestrel: Agency) -> None:
    response = Browser().get(
        kestrel.url("settings/audit/?after=x"),
        headers={
            "HX-Request": "true",
            "HX-Current-URL": f"http://testserver/o/{kestrel.slug}/settings/audit/",
        },
    )
    assert response.status_code == 401
    assert response["HX-Redirect"] == f"/accounts/login/?next=/o/{kestrel.slug}/settings/audit/"


def test_the_start_leads_to_the_only_organization(kestrel: Agency, outsider: User, staff: User) -> None:
    assert signed_in(kestrel.agent).get("/")["Location"] == kestrel.url()
    assert b"do not belong to an organization" in signed_in(outsider).get("/").content
    assert b"/platform/" in signed_in(staff).get("/").content


def test_the_start_offers_a_choice_between_several(kestrel: Agency, rival: Agency) -> None:
    with rival.scope():
        Membership.objects.create(user=kestrel.agent, role="viewer")
    page = signed_in(kestrel.agent).get("/").content.decode()
    assert f'href="{kestrel.url()}"' in page
    assert f'href="{rival.url()}"' in page


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("role", ["admin", "manager", "ops"])
def test_settings_pages_render(kestrel: Agency, section: str, role: str) -> None:
    response = signed_in(kestrel.people[role]).get(kestrel.url(f"settings/{section}"))
    assert response.status_code == 200
    assert response.content.count(b"<h1") == 1


def test_an_admin_adds_changes_archives_and_restores_a_client(kestrel: Agency) -> None:
    browser = signed_in(kestrel.admin)
    form = {"name": "Brightwater", "colour": "3", "time_zone": "Europe/Oslo"}
    assert browser.post(kestrel.url("settings/clients/add/"), form).status_code == 302
    again = browser.post(kestrel.url("settings/clients/add/"), form | {"name": "brightwater"})
    assert again.status_code == 422
    assert b"already a client of that name" in again.content
    assert b'value="brightwater"' in again.content
    with kestrel.scope():
        made = Client.objects.get(name="Brightwater")
    url = kestrel.url(f"settings/clients/{made.id}/")
    assert browser.get(url).status_code == 200
    assert browser.post(url, form | {"name": "Bright Water"}).status_code == 302
    browser.post(f"{url}archive/")
    with kestrel.scope():
        assert Client.objects.get(id=made.id).is_archived
    browser.post(f"{url}archive/", {"restore": "1"})
    with kestrel.scope():
        fresh = Client.objects.get(id=made.id)
        assert (fresh.name, fresh.is_archived, fresh.colour) == ("Bright Water", False, 3)
        actions = list(AuditEntry.objects.order_by("created_at", "id").values_list("action", flat=True))
    assert actions == ["client.created", "client.updated", "client.archived", "client.restored"]


def test_a_limited_manager_sees_only_their_clients(kestrel: Agency) -> None:
    page = signed_in(kestrel.limited).get(kestrel.url("settings/clients/")).content.decode()
    assert "Tessera" in page
    assert "Halden" not in page


@pytest.mark.django_db(transaction=True)
def test_an_invitation_travels_by_mail_and_makes_a_member(kestrel: Agency, settings: object) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = False  # type: ignore[attr-defined]
    sent: list[dict[str, str]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(send_invitation, "apply_async", lambda kwargs, **_: sent.append(kwargs))
        response = signed_in(kestrel.admin).post(
            kestrel.url("settings/members/invite/"),
            {
                "email": "Nora@New.test",
                "role": "agent",
                "reach": "some",
                "client_ids": [str(kestrel.first.id)],
            },
        )
    assert response.status_code == 302
    with no_scope():
        assert send_invitation(**sent[0]) is True
        assert send_invitation(**sent[0]) is False
    assert [message.to for message in mail.outbox] == [["nora@new.test"]]
    link = re.search(r"http://\S+(/invitations/\w+/)", str(mail.outbox[0].body))
    assert link is not None
    browser = Browser()
    page = browser.get(link[1])
    assert page.status_code == 200
    assert b"Admin</b>" not in page.content
    assert b"Halden" in page.content
    assert browser.post(link[1], {"name": "Nora", "password": "short"}).status_code == 422
    joined = browser.post(link[1], {"name": "Nora Vik", "password": PASSWORD})
    assert joined["Location"] == kestrel.url()
    assert browser.get(kestrel.url()).status_code in {200, 302}
    access = kestrel.access(User.objects.get(email="nora@new.test"))
    assert (access.role, access.client_ids) == ("agent", frozenset({kestrel.first.id}))
    used = Browser().get(link[1])
    assert used.status_code == 404
    assert b"accepted already" in used.content


def test_an_invited_person_with_an_account_signs_in_first(kestrel: Agency, outsider: User) -> None:
    from project.tenancy.services import invitations

    with kestrel.scope():
        made = invitations.create(email=outsider.email, role="viewer", actor=kestrel.admin)
    path = f"/invitations/{invitations.token_of(made.id)}/"
    assert Browser().get(path)["Location"] == f"/accounts/login/?next={path}"
    other = signed_in(kestrel.agent).post(path)
    assert other.status_code == 409
    browser = signed_in(outsider)
    assert browser.get(path).status_code == 200
    assert browser.post(path)["Location"] == kestrel.url()
    assert kestrel.access(outsider).role == "viewer"


def test_changing_and_shutting_out_a_member(kestrel: Agency) -> None:
    browser = signed_in(kestrel.admin)
    with kestrel.scope():
        agent = Membership.objects.get(user=kestrel.agent)
        admin = Membership.objects.get(user=kestrel.admin)
    url = kestrel.url(f"settings/members/{agent.id}/")
    assert browser.get(url).status_code == 200
    assert browser.post(url, {"role": "client", "reach": "all"}).status_code == 422
    assert browser.post(url, {"role": "viewer", "reach": "all"}).status_code == 302
    assert kestrel.access(kestrel.agent).role == "viewer"
    browser.post(f"{url}activity/")
    assert signed_in(kestrel.agent).get(kestrel.url()).status_code == 404
    own = browser.post(kestrel.url(f"settings/members/{admin.id}/"), {"role": "agent", "reach": "all"})
    assert own.status_code == 422
    assert b"last admin" in own.content


def test_a_token_is_shown_once(kestrel: Agency) -> None:
    browser = signed_in(kestrel.manager)
    made = browser.post(kestrel.url("settings/tokens/create/"), {"name": "CRM", "expires_in_days": "90"})
    token = re.search(rb"oex_[\w-]{20,}", made.content)
    assert token is not None
    assert made["Cache-Control"] == "no-store"
    assert token[0] not in browser.get(kestrel.url("settings/tokens/")).content
    with kestrel.scope():
        row = ApiToken.objects.get()
        assert row.scopes == ["read"]
    browser.post(kestrel.url(f"settings/tokens/{row.id}/revoke/"))
    with kestrel.scope():
        assert ApiToken.objects.get().state == "revoked"


def test_granting_and_taking_away_a_capability(kestrel: Agency) -> None:
    browser = signed_in(kestrel.admin)
    form = {"capability": "sms_outreach", "provider": "twilio", "client_id": str(kestrel.first.id)}
    assert browser.post(kestrel.url("settings/entitlements/grant/"), form).status_code == 302
    wrong = browser.post(kestrel.url("settings/entitlements/grant/"), form | {"provider": "unipile"})
    assert wrong.status_code == 422
    with kestrel.scope():
        made = Entitlement.objects.get(capability="sms_outreach")
    browser.post(kestrel.url(f"settings/entitlements/{made.id}/revoke/"))
    with kestrel.scope():
        assert not Entitlement.objects.filter(capability="sms_outreach").exists()


def test_the_audit_log_pages_and_filters(kestrel: Agency) -> None:
    from project.tenancy import audit

    with kestrel.scope():
        for number in range(60):
            audit.record(actor=kestrel.agent if number % 2 else None, action="test.happened", number=number)
    browser = signed_in(kestrel.admin)
    page = browser.get(kestrel.url("settings/audit/")).content.decode()
    assert page.count("audit-entry-") == 50
    following = re.search(r'hx-get="([^"]+)"', page[page.index("audit-more") :])
    assert following is not None
    rest = browser.get(following[1].replace("&amp;", "&"), headers={"HX-Request": "true"}).content.decode()
    assert rest.count("audit-entry-") == 10
    assert "<html" not in rest
    filtered = browser.get(kestrel.url(f"settings/audit/?actor_id={kestrel.agent.id}&action=test.")).content
    assert filtered.count(b"audit-entry-") == 30
    assert b"No entry fits" in browser.get(kestrel.url("settings/audit/?action=nothing")).content


def test_staff_provision_suspend_and_stand_for_a_member(kestrel: Agency, staff: User) -> None:
    browser = signed_in(staff)
    assert browser.get("/platform/").status_code == 200
    assert signed_in(kestrel.admin).get("/platform/").status_code == 404
    form = {
        "name": "Marlow",
        "admin_email": "boss@marlow.test",
        "time_zone": "UTC",
        "linkedin_outreach": "unipile",
    }
    assert browser.post("/platform/provision/", form | {"slug": "Bad Slug"}).status_code == 422
    assert browser.post("/platform/provision/", form | {"slug": kestrel.slug}).status_code == 422
    assert browser.post("/platform/provision/", form).status_code == 302
    marlow = Organization.objects.get(slug="marlow")
    with organization_scope(marlow.id):
        assert Invitation.objects.get().email == "boss@marlow.test"
        assert Entitlement.objects.get().provider == "unipile"
    with kestrel.scope():
        agent = Membership.objects.get(user=kestrel.agent)
    url = f"/platform/organizations/{kestrel.id}/"
    assert browser.get(url).status_code == 200
    start = f"{url}members/{agent.id}/impersonate/"
    browser.post(start, {"reason": ""})
    assert browser.get(kestrel.url("settings/")).status_code == 200  # still staff: acts as admin
    assert browser.post(start, {"reason": "ticket 12"})["Location"] == kestrel.url()
    assert browser.get(kestrel.url("settings/")).status_code == 403  # an agent has no settings
    browser.post("/platform/impersonation/end/")
    assert browser.get(kestrel.url("settings/")).status_code == 200
    with kestrel.scope():
        assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
            "impersonation.started",
            "impersonation.ended",
        ]
    browser.post(f"{url}suspension/")
    assert signed_in(kestrel.admin).get(kestrel.url()).status_code == 404
    browser.post(f"{url}suspension/", {"restore": "1"})
    assert signed_in(kestrel.admin).get(kestrel.url("settings/")).status_code == 200


def test_what_staff_do_for_a_member_carries_both_names(kestrel: Agency, staff: User) -> None:
    with kestrel.scope():
        admin = Membership.objects.get(user=kestrel.admin)
    browser = signed_in(staff)
    browser.post(
        f"/platform/organizations/{kestrel.id}/members/{admin.id}/impersonate/", {"reason": "ticket"}
    )
    page = browser.get(kestrel.url("settings/")).content.decode()
    assert "stand for" in page
    assert "stop" in page.lower()
    browser.post(
        kestrel.url("settings/clients/add/"), {"name": "By staff", "colour": "1", "time_zone": "UTC"}
    )
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="client.created")
    assert entry.actor_id == kestrel.admin.id
    assert entry.data["impersonated_by"]["id"] == str(staff.id)


@pytest.mark.parametrize("section", SECTIONS)
def test_an_empty_organization_says_what_to_do(staff: User, section: str) -> None:
    with platform_scope("test"):
        organization = Organization.objects.create(name="Bare", slug="bare")
    response = signed_in(staff).get(f"/o/{organization.slug}/settings/{section}")
    assert response.status_code == 200


def test_a_forgotten_password_is_reset_by_mail(kestrel: Agency) -> None:
    browser = Browser()
    browser.post("/accounts/password/reset/", {"email": "nobody@nowhere.test"})
    assert mail.outbox == []
    browser.post("/accounts/password/reset/", {"email": kestrel.agent.email.upper()})
    link = re.search(r"http://\S+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link is not None
    page = browser.get(link[1], follow=True)
    chosen = {"password1": "a new long one 8", "password2": "a new long one 8"}
    assert browser.post(page.redirect_chain[-1][0], chosen).status_code == 302
    assert User.objects.get(id=kestrel.agent.id).check_password("a new long one 8")


def test_signing_in_by_mail_and_password_leads_back(kestrel: Agency) -> None:
    wanted = kestrel.url("settings/")
    for email in (kestrel.admin.email, kestrel.admin.email.upper()):
        response = Browser().post(
            f"/accounts/login/?next={wanted}", {"login": email, "password": PASSWORD, "next": wanted}
        )
        assert (response.status_code, response["Location"]) == (302, wanted)
    wrong = Browser().post("/accounts/login/", {"login": kestrel.admin.email, "password": "wrong"})
    assert wrong.status_code == 200
    assert b"E-mail or password is wrong" in wrong.content
    assert Browser().get("/accounts/signup/").status_code == 200
    refused = Browser().post(
        "/accounts/signup/",
        {"email": "x@y.test", "password1": "a new long one 8", "password2": "a new long one 8"},
    )
    assert not User.objects.filter(email="x@y.test").exists()
    assert refused.status_code == 200

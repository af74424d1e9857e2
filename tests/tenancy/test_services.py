"""What services of tenancy refuse, and what happens when two people act at once."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.http import Http404

from project.core.clock import now
from project.core.realtime import broker
from project.core.realtime.access import refusals, resolve_viewer
from project.core.refusals import Invalid, NotFound, Refused
from project.core.scoping import no_scope, organization_scope, platform_scope
from project.tenancy.models import (
    AuditEntry,
    Client,
    IdempotencyKey,
    Invitation,
    Membership,
    Organization,
    RefreshToken,
    Role,
    User,
)
from project.tenancy.services import (
    clients,
    entitlements,
    invitations,
    memberships,
    organizations,
    sign_in,
)
from project.tenancy.services.entitlements import CapabilityNotEnabled
from project.tenancy.streams import user_stream
from project.tenancy.tasks import sweep
from tests.factories import Agency, make_agency

pytestmark = pytest.mark.django_db


def member_of(agency: Agency, user: User) -> Membership:
    with agency.scope():
        found: Membership = Membership.objects.get(user=user)
        return found


# --- Entitlements -------------------------------------------------------------------------------------


def test_a_clients_own_provider_wins_over_the_organizations(kestrel: Agency) -> None:
    with kestrel.scope():
        assert entitlements.require_capability("linkedin_outreach", kestrel.first.id) == "unipile"
        entitlements.grant(
            capability="linkedin_outreach", provider="heyreach", client_id=kestrel.first.id, actor=None
        )
        assert entitlements.provider_for("linkedin_outreach", kestrel.first.id) == "heyreach"
        assert entitlements.provider_for("linkedin_outreach", kestrel.second.id) == "unipile"
        with pytest.raises(CapabilityNotEnabled) as refused:
            entitlements.require_capability("sms_outreach", kestrel.first.id)
        assert (refused.value.code, refused.value.status) == ("CAPABILITY_NOT_ENABLED", 403)
        assert entitlements.capabilities_of(frozenset({kestrel.first.id})) == {"linkedin_outreach"}


def test_granting_to_a_foreign_client_is_404(kestrel: Agency, rival: Agency) -> None:
    with kestrel.scope(), pytest.raises(Http404):
        entitlements.grant(
            capability="sms_outreach", provider="twilio", client_id=rival.first.id, actor=kestrel.admin
        )


# --- Members ------------------------------------------------------------------------------------------


def test_limited_members_change_nothing_of_the_whole_organization(kestrel: Agency) -> None:
    access = kestrel.access(kestrel.limited)
    with kestrel.scope():
        with pytest.raises(PermissionDenied):
            clients.create(access=access, name="New")
        with pytest.raises(PermissionDenied):
            memberships.set_active(
                access=access, member_id=member_of(kestrel, kestrel.agent).id, active=False
            )
        with pytest.raises(PermissionDenied):
            organizations.update(access=access, name="Mine", time_zone="UTC")
        with pytest.raises(Http404):
            clients.update(access=access, client_id=kestrel.first.id, name="Mine")


def test_a_role_of_client_needs_clients_of_the_organization(kestrel: Agency, rival: Agency) -> None:
    access, agent = kestrel.access(kestrel.admin), member_of(kestrel, kestrel.agent)
    with kestrel.scope():
        for wanted in ([], [rival.first.id]):
            with pytest.raises(Invalid):
                memberships.change(
                    access=access, member_id=agent.id, role="client", all_clients=True, client_ids=wanted
                )
        memberships.change(
            access=access,
            member_id=agent.id,
            role="client",
            all_clients=True,
            client_ids=[kestrel.first.id, kestrel.first.id],
        )
    assert kestrel.access(kestrel.agent).client_ids == {kestrel.first.id}


def test_nobody_shuts_themselves_out(kestrel: Agency) -> None:
    with kestrel.scope(), pytest.raises(Refused) as refused:
        memberships.set_active(
            access=kestrel.access(kestrel.admin),
            member_id=member_of(kestrel, kestrel.admin).id,
            active=False,
        )
    assert refused.value.code == "NOT_YOURSELF"


def test_changes_of_members_have_their_sockets_checked_again(
    kestrel: Agency, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[Any, Any]] = []
    monkeypatch.setattr(memberships, "publish_membership_changed", lambda *ids: told.append(ids))
    with kestrel.scope(), django_capture_on_commit_callbacks(execute=True):
        memberships.set_active(
            access=kestrel.access(kestrel.admin),
            member_id=member_of(kestrel, kestrel.agent).id,
            active=False,
        )
    assert told == [(kestrel.id, kestrel.agent.id)]
    assert broker.channel_of(kestrel.id).endswith(str(kestrel.id))
    assert resolve_viewer(kestrel.agent, kestrel.slug) is None


def test_the_personal_stream_is_for_its_person_only(kestrel: Agency, rival: Agency, staff: User) -> None:
    mine, other, foreign = (user_stream(user.id) for user in (kestrel.agent, kestrel.manager, rival.agent))
    viewer = resolve_viewer(kestrel.agent, kestrel.slug)
    assert viewer is not None
    assert refusals(viewer, [mine, other, foreign, "user:nonsense", "user"]) == {
        other: "forbidden",
        foreign: "forbidden",
        "user:nonsense": "forbidden",
        "user": "forbidden",
    }
    assert resolve_viewer(kestrel.agent, rival.slug) is None
    platform = resolve_viewer(staff, kestrel.slug)
    assert platform is not None
    assert refusals(platform, [mine, foreign]) == {foreign: "forbidden"}


@pytest.mark.django_db(transaction=True)
def test_two_admins_cannot_demote_each_other_at_once() -> None:
    agency = make_agency("kestrel")
    with agency.scope():
        memberships.add(user=agency.manager, role=Role.ADMIN, actor=None)
    pairs = [(agency.admin, agency.manager), (agency.manager, agency.admin)]
    start, codes = threading.Barrier(2), []

    def demote(actor: User, target: User) -> None:
        try:
            access, member = agency.access(actor), member_of(agency, target)
            start.wait()
            with agency.scope():
                memberships.change(access=access, member_id=member.id, role="agent", all_clients=True)
            codes.append("done")
        except Refused as refusal:
            codes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=demote, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["LAST_ADMIN", "done"]


# --- Invitations --------------------------------------------------------------------------------------


def test_inviting_again_withdraws_the_first_invitation(kestrel: Agency) -> None:
    with kestrel.scope():
        first = invitations.create(email="n@new.test", role="agent", actor=kestrel.admin)
        second = invitations.create(email="N@new.test", role="viewer", actor=kestrel.admin)
        assert (first.refreshed().state, second.state) == ("revoked", "open")
        with pytest.raises(Refused):
            invitations.create(email=kestrel.agent.email, role="viewer", actor=kestrel.admin)
        with pytest.raises(Invalid):
            invitations.create(email="nobody", role="viewer", actor=kestrel.admin)


def test_links_that_no_longer_work(kestrel: Agency) -> None:
    with kestrel.scope():
        made = invitations.create(email="n@new.test", role="agent", actor=kestrel.admin)
        token = invitations.token_of(made.id)
        with no_scope(), pytest.raises(NotFound):
            invitations.open_by_token("0" * 64)
        Invitation.objects.filter(id=made.id).update(expires_at=now() - timedelta(seconds=1))
        with no_scope(), pytest.raises(NotFound, match="expired"):
            invitations.accept(token=token, user=None, name="N", password="long enough 1")
        invitations.resend(invitation_id=made.id, actor=kestrel.admin)
        invitations.revoke(invitation_id=made.id, actor=kestrel.admin)
        with no_scope(), pytest.raises(NotFound, match="withdrawn"):
            invitations.open_by_token(token)
        with pytest.raises(Refused):
            invitations.resend(invitation_id=made.id, actor=kestrel.admin)


def test_a_forgotten_mail_is_sent_by_the_sweeper(kestrel: Agency) -> None:
    with kestrel.scope():
        made = invitations.create(email="n@new.test", role="agent", actor=kestrel.admin)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE tenancy_invitation SET created_at = now() - interval '1 hour' WHERE id = %s",
                [made.id],
            )
        IdempotencyKey.objects.create(
            user=kestrel.admin, key="old", request_hash="x", created_at=now() - timedelta(days=2)
        )
    sign = sign_in._issue(kestrel.admin, kestrel.organization, family=made.id)
    assert sign.expires_in
    RefreshToken.objects.update(expires_at=now() - timedelta(days=1))
    with no_scope():
        assert sweep() == {"invitations_sent": 1, "idempotency_keys_deleted": 1, "refresh_tokens_deleted": 1}
        assert sweep() == {"invitations_sent": 0, "idempotency_keys_deleted": 0, "refresh_tokens_deleted": 0}
    assert len(mail.outbox) == 1
    assert invitations.link_of(made.id) in mail.outbox[0].body


# --- Organizations ------------------------------------------------------------------------------------


def test_provisioning_is_all_or_nothing(kestrel: Agency) -> None:
    with pytest.raises(Invalid):
        organizations.provision(
            name="Half", admin_email="a@half.test", capabilities={"linkedin_outreach": "twilio"}
        )
    assert not Organization.objects.filter(name="Half").exists()
    assert not User.objects.filter(email="a@half.test").exists()
    made = organizations.provision(name="Kestrel", admin_email=kestrel.agent.email)
    assert made.organization.slug == "kestrel-2"
    assert (made.admin, made.invitation) == (kestrel.agent, None)
    assert organizations.provision(name="API", admin_email="a@b.test").organization.slug == "api-1"


def test_the_provision_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    options = ["Marlow", "--admin", "boss@marlow.test", "--capability", "linkedin_outreach=unipile", "--json"]
    call_command("provision", *options)
    assert '"organization": "marlow", "invitation": "http' in capsys.readouterr().out
    for wrong in (["X", "--admin", "nobody"], ["X", "--admin", "a@b.test", "--slug", "marlow"]):
        with pytest.raises(SystemExit) as stopped:
            call_command("provision", *wrong)
        assert stopped.value.code == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    monkeypatch.setattr("sys.stdin", StringIO("long enough 1\n"))
    call_command("provision", "Second", "--admin", "boss@second.test", "--password-stdin")
    assert User.objects.get(email="boss@second.test").check_password("long enough 1")


def test_the_staff_command(kestrel: Agency) -> None:
    call_command("staff", kestrel.agent.email)
    assert User.objects.get(id=kestrel.agent.id).is_superadmin
    call_command("staff", kestrel.agent.email, "--revoke")
    assert not User.objects.get(id=kestrel.agent.id).is_superadmin
    with pytest.raises(SystemExit) as stopped:
        call_command("staff", "nobody@nowhere.test")
    assert stopped.value.code == 2


def test_suspending_shuts_everybody_out_but_staff(kestrel: Agency, staff: User) -> None:
    organizations.set_active(organization_id=kestrel.id, active=False, actor=staff)
    assert resolve_viewer(kestrel.admin, kestrel.slug) is None
    assert resolve_viewer(staff, kestrel.slug) is not None
    with organization_scope(kestrel.id):
        assert AuditEntry.objects.filter(action="organization.suspended").count() == 1
    organizations.set_active(organization_id=kestrel.id, active=True, actor=staff)
    assert resolve_viewer(kestrel.admin, kestrel.slug) is not None


def test_a_clients_colour_is_the_one_used_least(kestrel: Agency) -> None:
    access = kestrel.access(kestrel.admin)
    with kestrel.scope():
        made = [clients.create(access=access, name=f"Client {number}").colour for number in range(7)]
    assert made == [3, 4, 5, 6, 7, 8, 1]
    with platform_scope("test"):
        assert Client.objects.count() == 9

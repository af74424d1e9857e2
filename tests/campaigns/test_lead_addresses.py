"""Addresses of a lead: added, mended and removed by people, on the page and by the API."""

from __future__ import annotations

import pytest
from django.test import Client as Browser

from campaigns.models import Lead, LeadChannel, Relation, Suppression
from campaigns.services import erasure, lead_addresses, suppression
from project.core.refusals import Refused
from project.tenancy.models import AuditEntry
from tests.api.conftest import Program, manager
from tests.campaigns.channels import Post, post
from tests.campaigns.conftest import WORKING, World

__all__ = ["manager", "post"]
pytestmark = pytest.mark.django_db


def test_a_mended_address_is_what_a_running_sequence_writes_to(post: Post, client: Browser) -> None:
    agency = post.agency
    ada, bo = post.lead("Ada"), post.lead("Bo")
    post.launch()
    address = LeadChannel.objects.get(lead=ada, kind="email")
    LeadChannel.objects.filter(id=address.id).update(bounced_at=WORKING)
    client.force_login(agency.manager)
    assert address.value in client.get(agency.url(f"leads/{ada.id}/")).content.decode()
    mend = agency.url(f"leads/addresses/{address.id}/mend/")

    taken = client.post(mend, {"value": "Bo@Prospect.test"})
    assert taken.status_code == 409
    shown = taken.content.decode()
    assert f"{bo} has this address already" in shown
    assert f"leads/{ada.id}/merge/" in shown, "they can be merged from there"
    assert str(bo.id) in shown
    assert client.post(mend, {"value": "nonsense"}).status_code == 422
    assert client.post(mend, {}).status_code == 422
    assert client.post(mend, {"value": "New@Prospect.test"}).status_code == 303

    address = address.refreshed()
    assert (address.value, address.normalized, address.bounced_at) == (
        "New@Prospect.test", "new@prospect.test", None,
    )  # fmt: skip
    assert AuditEntry.objects.get(action="lead.address_changed").actor_id == agency.manager.id
    post.tick()
    went = {one.lead_id: one.recipient["email"] for one in post.queued()}
    assert went[ada.id] == "new@prospect.test"

    client.post(agency.url(f"leads/{bo.id}/addresses/add/"), {"kind": "sms", "value": "+46 70 174 06 15"})
    phone = LeadChannel.objects.get(lead=bo, kind="sms")
    assert phone.normalized == "+46701740615"
    assert client.post(agency.url(f"leads/addresses/{phone.id}/remove/")).status_code == 303
    assert not LeadChannel.objects.filter(id=phone.id).exists()
    assert set(AuditEntry.objects.filter(action__startswith="lead.address").values_list("action", flat=True)) == {
        "lead.address_added", "lead.address_changed", "lead.address_removed",
    }  # fmt: skip


def test_who_asked_to_be_left_out_is_not_written_to_by_another_spelling(world: World) -> None:
    agency, who = world.agency, world.agency.manager
    nia = world.lead("Nia", "nia")
    listed = suppression.add(
        client_id=agency.first.id, channel="linkedin", value="nia", is_domain=False, reason="Asked",
        expires_at=None, actor=who,
    )  # fmt: skip
    address = nia.channels.get()
    with pytest.raises(Refused, match="on the do-not-contact list"):
        lead_addresses.mend(address=address, value="nia-2", actor=who)
    with pytest.raises(Refused, match="on the do-not-contact list"):
        lead_addresses.remove(address=address, actor=who)
    bo = world.lead("Bo", "bo")
    suppression.add(
        client_id=None,
        channel="email",
        value="shut.test",
        is_domain=True,
        reason="",
        expires_at=None,
        actor=who,
    )
    with pytest.raises(Refused, match="must not be contacted"):
        lead_addresses.add(lead=bo, kind="email", value="bo@shut.test", actor=who)
    suppression.remove(suppression=listed, actor=who)
    Relation.objects.create(sender=world.sender, lead=nia, connected_at=WORKING)
    lead_addresses.mend(address=address, value="https://www.linkedin.com/in/nia-2/", actor=who)
    address = address.refreshed()
    assert (address.normalized, address.provider_id) == ("nia-2", "")
    assert not Relation.objects.filter(lead=nia).exists(), "connections were those of the other profile"
    assert not Suppression.objects.filter(value="nia").exists()

    erasure.erase(lead=nia, reason="Asked", actor=who)
    with pytest.raises(Refused, match="erased"):
        lead_addresses.add(lead=bo, kind="linkedin", value="nia-2", actor=who)
    with pytest.raises(Refused, match="erased or merged"):
        lead_addresses.add(lead=nia, kind="email", value="n@prospect.test", actor=who)


def test_programs_add_mend_and_remove(world: World, manager: Program) -> None:
    nia, bo = world.lead("Nia", "nia"), world.lead("Bo", "bo")
    status, made = manager("POST", f"leads/{nia.id}/addresses", {"kind": "email", "value": "N@Prospect.test"})
    assert (status, made["normalized"]) == (201, "n@prospect.test")
    status, refused = manager(
        "POST", f"leads/{bo.id}/addresses", {"kind": "email", "value": "n@prospect.test"}
    )
    assert (status, refused["code"], refused["details"]["lead_id"]) == (409, "ADDRESS_TAKEN", str(nia.id))
    status, mended = manager("PATCH", f"lead-addresses/{made['id']}", {"value": "nia@prospect.test"})
    assert (status, mended["id"], mended["normalized"]) == (200, made["id"], "nia@prospect.test")
    assert manager("DELETE", f"lead-addresses/{made['id']}")[0] == 204
    assert manager("DELETE", f"lead-addresses/{made['id']}")[0] == 404
    assert [one["kind"] for one in manager("GET", f"leads/{nia.id}")[1]["addresses"]] == ["linkedin"]
    assert Lead.objects.count() == 2

"""People of provider-run campaigns who were erased: digests stand for what the provider knows them by.

By these they are told again in its list: whoever goes on there is stopped, and nobody takes them for strangers.
"""

from __future__ import annotations

from uuid import UUID

from campaigns import identity
from campaigns.models import CampaignMirror, EnrollmentMirror, ErasedAddress


def mark_of(organization_id: UUID, value: str) -> str:
    """What stands in place of a key or of an id at the provider; ``""`` and what stands there already stay."""
    if not value or value.startswith(ErasedAddress.MARK):
        return value
    return f"{ErasedAddress.MARK}{identity.digest(organization_id, 'mirror', value)}"


def is_erased(row: EnrollmentMirror) -> bool:
    """Whether the person's key was taken out."""
    return row.key.startswith(ErasedAddress.MARK)


def find_person(mirror: CampaignMirror, *, lead_id: str, keys: tuple[str, ...]) -> EnrollmentMirror | None:
    """The row of somebody who was erased, by what the provider calls them."""
    rows = EnrollmentMirror.objects.filter(mirror=mirror).select_related("enrollment")
    found: EnrollmentMirror | None = None
    if lead_id:
        found = rows.filter(provider_lead_id=mark_of(mirror.organization_id, lead_id)).first()
    wanted = [mark_of(mirror.organization_id, key) for key in keys if key]
    if found is None and wanted:
        found = rows.filter(key__in=wanted).first()
    return found

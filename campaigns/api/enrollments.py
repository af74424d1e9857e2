"""Operations: the leads of a campaign, what each waits for, and stopping, pausing and resuming them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query

from campaigns.api import rows, schemas
from campaigns.api.routing import router
from campaigns.models import Enrollment
from campaigns.services import enrollments as service
from project.core.api_pages import PageOut, page_of
from project.tenancy.access import Permission, get_or_404
from project.tenancy.api_auth import ApiRequest, api_rule

TAGS = ["Enrollments"]


def _enrollment(request: ApiRequest, enrollment_id: UUID) -> Enrollment:
    found: Enrollment = get_or_404(rows.enrollments(request.access), enrollment_id)
    return found


@router.get("/campaigns/{campaign_id}/enrollments", response=PageOut[schemas.EnrollmentOut], tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def list_enrollments(request: ApiRequest, campaign_id: UUID, page: Query[schemas.EnrollmentsIn]) -> Any:
    """The leads of a campaign with what each waits for and what holds it."""
    campaign = get_or_404(rows.campaigns(request.access), campaign_id)
    wanted = rows.enrollments(request.access).filter(campaign=campaign)
    if page.stage:
        wanted = wanted.filter(stage=page.stage)
    if page.status:
        wanted = wanted.filter(status=page.status)
    found = page_of(wanted, page, order=page.by("created_at", "id"))
    return {**found, "items": rows.enrollments_shown(found["items"])}


@router.get("/enrollments/{enrollment_id}", response=schemas.EnrollmentDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_VIEW)
def get_enrollment(request: ApiRequest, enrollment_id: UUID) -> Any:
    """One lead in a campaign, with its history."""
    return rows.enrollment_detail(_enrollment(request, enrollment_id))


@router.post("/enrollments/{enrollment_id}/stop", response=schemas.EnrollmentDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def stop_enrollment(request: ApiRequest, enrollment_id: UUID, payload: schemas.StopIn) -> Any:
    """End it for good; what is queued is withdrawn. Stopping it again changes nothing."""
    found = _enrollment(request, enrollment_id)
    user = request.access.user
    reason = payload.reason or f"Stopped by {user.display_name}."
    return rows.enrollment_detail(service.stop(enrollment_id=found.id, reason=reason, actor=user))


@router.post("/enrollments/{enrollment_id}/pause", response=schemas.EnrollmentDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def pause_enrollment(request: ApiRequest, enrollment_id: UUID) -> Any:
    """Hold a running enrollment; one that is not running stays as it is."""
    found = _enrollment(request, enrollment_id)
    return rows.enrollment_detail(service.pause(enrollment_id=found.id, actor=request.access.user))


@router.post("/enrollments/{enrollment_id}/resume", response=schemas.EnrollmentDetailOut, tags=TAGS)
@api_rule(Permission.CAMPAIGNS_EDIT)
def resume_enrollment(request: ApiRequest, enrollment_id: UUID) -> Any:
    """Go on with a paused enrollment; one that is not paused stays as it is."""
    found = _enrollment(request, enrollment_id)
    return rows.enrollment_detail(service.resume(enrollment_id=found.id, actor=request.access.user))

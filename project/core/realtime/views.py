"""The catch-up address: plain HTTP, so that everything live also arrives where websockets are blocked."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from project.core.realtime import access, catchup
from project.core.realtime.protocol import MAX_STREAMS, dumps


@require_GET
def since(request: HttpRequest, **kwargs: str) -> HttpResponse:
    """``GET live/since?cursor=12&streams=a,b``: ``{cursor, reset, frames, refused}`` (docs/realtime.md).

    400 for a cursor that is no number or too many streams, 401 without a session, 404 for a foreign
    organization.
    """
    slug = request.resolver_match.kwargs["organization_slug"] if request.resolver_match else ""
    if not request.user.is_authenticated:
        return _refuse(401, "NOT_SIGNED_IN", "Sign in again.")
    viewer = access.resolve_viewer(request.user, slug)
    if viewer is None:
        return _refuse(404, "NOT_FOUND", "There is no such organization, or you are not a member of it.")
    cursor = request.GET.get("cursor", "")
    streams = list(dict.fromkeys(filter(None, request.GET.get("streams", "").split(","))))
    if not cursor.isdecimal() or len(cursor) > 18:
        return _refuse(400, "BAD_REQUEST", "The cursor is a whole number, 0 or more.")
    if len(streams) > MAX_STREAMS:
        return _refuse(400, "BAD_REQUEST", f"At most {MAX_STREAMS} streams can be asked for at once.")
    answer = catchup.since(viewer, int(cursor), streams)
    frames = ",".join(frame.text for frame in answer.frames)
    head = dumps({"cursor": answer.cursor, "reset": answer.reset, "refused": answer.refused})
    body = f'{head[:-1]},"frames":[{frames}]}}'
    return HttpResponse(body, content_type="application/json", headers={"Cache-Control": "no-store"})


since.access_rule = "member"  # type: ignore[attr-defined]


def _refuse(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message, "details": {}}, status=status)

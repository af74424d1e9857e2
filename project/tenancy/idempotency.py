"""``Idempotency-Key``: a mutation that is sent again answers as it did the first time and does nothing.

The key is inserted in the transaction of the mutation. A second request with the same key therefore waits at the
unique constraint until the first one has ended: then it finds the stored answer, or, if the first one failed and was
rolled back, does the work itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from project.core import crypto
from project.core.refusals import BadRequest, Refused
from project.tenancy.access import Access
from project.tenancy.models import IdempotencyKey

MAX_KEY = 200
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def answer_once(request: HttpRequest, answer: Callable[[], Any]) -> Any:
    """Return ``answer()``, or what it returned for this caller and key before.

    Only mutations in an organization's scope take part; answers of 400 and above are undone and not kept. Raises
    ``BadRequest`` for a malformed key, ``Refused`` when the key came with another request before.
    """
    key = request.headers.get("Idempotency-Key", "")
    access: Access | None = getattr(request, "access", None)
    if not key or access is None or request.method in _SAFE_METHODS:
        return answer()
    if len(key) > MAX_KEY or not key.isprintable():
        raise BadRequest(
            f"An Idempotency-Key has at most {MAX_KEY} printable characters.", code="BAD_IDEMPOTENCY_KEY"
        )
    with transaction.atomic():
        row = IdempotencyKey(user=access.user, key=key, request_hash=_fingerprint(request))
        IdempotencyKey.objects.bulk_create([row], ignore_conflicts=True)
        known = IdempotencyKey.objects.get(user=access.user, key=key)
        if known.id != row.id:
            return _replay(known, row.request_hash)
        response = answer()
        if response.status_code >= 400 or response.streaming:
            transaction.set_rollback(response.status_code >= 400)
            return response
        known.status = response.status_code
        known.content_type = response.get("Content-Type", "")
        known.response = crypto.encrypt({"body": base64.b64encode(response.content).decode()})
        known.save(update_fields=["status", "content_type", "response", "updated_at"])
        return response


def _replay(known: IdempotencyKey, request_hash: str) -> HttpResponse:
    if known.request_hash != request_hash:
        raise Refused("This Idempotency-Key was used for another request.", code="IDEMPOTENCY_KEY_REUSED")
    if not known.status:
        raise Refused(
            "This request was answered by a stream, which cannot be repeated.", code="NOT_REPEATABLE"
        )
    body = base64.b64decode(crypto.decrypt(known.response)["body"])
    response = HttpResponse(body, status=known.status, content_type=known.content_type or None)
    response["Idempotent-Replay"] = "true"
    return response


def _fingerprint(request: HttpRequest) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type == "multipart/form-data":
        # Uploads are not held in memory: their fields and chunks are read from where the parser put them.
        for name, values in sorted(request.POST.lists()):
            digest.update(f"{name}={values}\n".encode())
        uploads: dict[str, Any] = dict(request.FILES.items())
        for name, upload in sorted(uploads.items()):
            digest.update(f"{name}:".encode())
            for chunk in upload.chunks():
                digest.update(chunk)
            upload.seek(0)
    else:
        digest.update(request.body)
    return digest.hexdigest()

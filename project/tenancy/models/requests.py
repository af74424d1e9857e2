"""What the JSON API remembers about requests: idempotency keys."""

from __future__ import annotations

from django.db import models

from project.core.models import OrganizationModel
from project.tenancy.models.people import User


class IdempotencyKey(OrganizationModel):
    """A mutation that was carried out under a key of its caller, and the answer it got.

    The row is written in the transaction of the mutation: either both are there or neither, and a second request
    with the same key waits for the first one at the unique constraint.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    #: SHA-256 of method, address and body.
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    content_type = models.CharField(max_length=80, blank=True)
    #: Encrypted (``project.core.crypto``): answers may contain a token that is shown once.
    response = models.TextField(blank=True)

    class Meta(OrganizationModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organization", "user", "key"], name="idempotency_key_once")
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_age")]

    def __str__(self) -> str:
        return self.key

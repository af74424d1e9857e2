"""Files of messages and drafts: what is known of each, and its bytes apart, so that lists never load them."""

from __future__ import annotations

from django.db import models

from inbox.models.conversations import Conversation
from inbox.models.messages import Message
from project.core.models import OrganizationForeignKey, OrganizationModel


class MessageFile(OrganizationModel):
    """A file that came with a message, or that a reply carries; while it is written, of no message yet."""

    class State(models.TextChoices):
        """Where the bytes are."""

        REMOTE = "remote", "At the provider; fetched when somebody asks"
        STORED = "stored", "Here"
        GONE = "gone", "The provider has it no more"

    conversation = OrganizationForeignKey(Conversation, on_delete=models.CASCADE, related_name="files")
    message = OrganizationForeignKey(
        Message, on_delete=models.CASCADE, null=True, blank=True, related_name="files"
    )
    uploaded_by = models.ForeignKey(
        "tenancy.User", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    name = models.CharField(max_length=200)
    mime_type = models.CharField(max_length=120, blank=True)
    #: In bytes; unknown for some that are still at the provider.
    size = models.PositiveBigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.STORED)
    #: Why it cannot be had.
    problem = models.CharField(max_length=300, blank=True)
    #: The provider's name of it within its message; ``content_id`` where the HTML shows it (``cid:``).
    attachment_id = models.CharField(max_length=200, blank=True)
    content_id = models.CharField(max_length=200, blank=True)

    class Meta(OrganizationModel.Meta):
        indexes = [
            models.Index(fields=["message"], name="message_file_of_message"),
            models.Index(
                fields=["conversation", "uploaded_by"],
                name="message_file_waiting",
                condition=models.Q(message=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FileContent(OrganizationModel):
    """The bytes of a file."""

    file = OrganizationForeignKey(MessageFile, on_delete=models.CASCADE, related_name="contents")
    data = models.BinaryField()

    class Meta(OrganizationModel.Meta):
        constraints = [models.UniqueConstraint(fields=["file"], name="file_content_once")]

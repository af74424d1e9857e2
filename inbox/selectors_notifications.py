"""Reads of notices: a person's own list and choices, and what was delivered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from inbox.models import (
    Notification,
    NotificationChoice,
    NotificationDelivery,
    Occasion,
    PushSubscription,
    Way,
)
from inbox.services import notifications, push, slack
from project.core.pagination import keyset_page
from project.tenancy.access import Access, Permission

PAGE = 50


def page(access: Access, cursor: str | None, client_id: Any = None) -> dict[str, Any]:
    """The page of notices: settings, the matrix of choices, and the last deliveries.

    Whoever may change settings sees the deliveries of everybody within reach, others their own.
    """
    own = notifications.settings_of(access.user)
    if own._state.adding:
        own.time_zone = access.time_zone
    addresses = notifications.addresses_of(own)
    client = access.clients().filter(id=client_id).first() if client_id else None
    chosen = {
        (row.occasion, row.way): row.is_on
        for row in NotificationChoice.objects.filter(user=access.user, client=client)
    }
    general = chosen
    if client is not None:
        general = {
            (row.occasion, row.way): row.is_on
            for row in NotificationChoice.objects.filter(user=access.user, client=None)
        }
    rows = NotificationDelivery.objects.filter(access.client_filter("notification__client_id"))
    if not access.can(Permission.SETTINGS_VIEW):
        rows = rows.filter(user=access.user)
    found = keyset_page(
        rows.select_related("notification__client", "user"),
        order=("-created_at", "-id"),
        cursor=cursor,
        limit=PAGE,
    )
    return {
        "own": own,
        "has_slack": bool(addresses.get("slack_url")),
        "has_buttons": slack.has_buttons(addresses),
        "own_address": ""
        if own._state.adding
        else f"{settings.PUBLIC_URL.rstrip('/')}{reverse('slack', kwargs={'settings_id': own.id})}",
        "has_webhook": bool(addresses.get("webhook_url")),
        "client": client,
        "clients": list(access.clients().filter(is_archived=False).order_by("name")),
        "ways": [{"value": way.value, "label": way.label} for way in Way],
        "matrix": [
            {
                "value": occasion.value,
                "label": occasion.label,
                "cells": [
                    {
                        "way": way.value,
                        "label": way.label,
                        "on": chosen.get(
                            (occasion.value, way.value),
                            general.get(
                                (occasion.value, way.value),
                                notifications.DEFAULTS[occasion.value, way.value],
                            ),
                        ),
                    }
                    for way in Way
                ],
            }
            for occasion in Occasion
        ],
        "browsers": PushSubscription.objects.filter(user=access.user).count(),
        "push_key": push.public_key(),
        "deliveries": found.items,
        "next_cursor": found.next_cursor,
        "notices": list(
            Notification.objects.filter(access.client_filter(), user=access.user)
            .select_related("client")
            .order_by("-occurred_at", "-id")[:30]
        ),
    }

"""Budgets of sending: exact reservations, what they stand at, and setting them (docs/decisions/0011-limits.md)."""

from integrations.services.rates.backfilling import backfill
from integrations.services.rates.budgets import UNLIMITED, Demand, domain_group, domain_of, stage_of
from integrations.services.rates.editing import (
    announce,
    set_client_limit,
    set_domain_limit,
    set_growth,
    set_limit,
    set_organization_limit,
    set_request_rate,
)
from integrations.services.rates.figures import (
    CapState,
    caps_of,
    caps_of_many,
    limits_of_many,
    remaining_of,
    usage,
)
from integrations.services.rates.periods import covers, day_of, next_day_starts, zone_of
from integrations.services.rates.reserving import Overrun, Refused, Reserved, release, reserve, reserve_many
from integrations.services.rates.slots import refusal as request_refusal

__all__ = [
    "UNLIMITED",
    "CapState",
    "Demand",
    "Overrun",
    "Refused",
    "Reserved",
    "announce",
    "backfill",
    "caps_of",
    "caps_of_many",
    "covers",
    "day_of",
    "domain_group",
    "domain_of",
    "limits_of_many",
    "next_day_starts",
    "release",
    "remaining_of",
    "request_refusal",
    "reserve",
    "reserve_many",
    "set_client_limit",
    "set_domain_limit",
    "set_growth",
    "set_limit",
    "set_organization_limit",
    "set_request_rate",
    "stage_of",
    "usage",
    "zone_of",
]

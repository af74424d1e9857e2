"""The one text form of a plan and its hash: same meaning of the JSON, same hash, same version."""

from __future__ import annotations

import hashlib
import json

from campaigns.plans.schema import Plan


def canonical_json(plan: Plan) -> str:
    """Sorted keys, no spaces, camelCase, UTF-8; fields at their default value are left out.

    Leaving defaults out makes ``"workingDays": false`` and no ``workingDays`` the same plan, and keeps the
    hashes of old plans when the schema gains an optional field.
    """
    data = plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def plan_hash(plan: Plan) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(plan).encode()).hexdigest()

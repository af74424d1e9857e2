"""How many examples property tests try: few and always the same by default, more where somebody asks.

``HYPOTHESIS_EXAMPLES=1000 pytest tests/campaigns/plans`` tries a thousand random ones of each.
"""

from __future__ import annotations

import os

from hypothesis import settings

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))


def examples(usual: int) -> settings:
    """Settings for one property: ``usual`` fixed examples, or as many random ones as the environment says."""
    if EXAMPLES:
        return settings(max_examples=EXAMPLES, deadline=None)
    return settings(max_examples=usual, deadline=None, derandomize=True)

"""What open screens get of campaigns: pages refetch the part that changed, which is cheap and always right."""

from __future__ import annotations

from project.core.realtime import data_kind

data_kind("campaign.changed")
data_kind("import.changed")
data_kind("lead_act.changed")

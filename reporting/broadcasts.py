"""What open reports get: a word that figures changed; the page fetches them again, at most every few seconds."""

from __future__ import annotations

from project.core.realtime import data_kind

data_kind("report.changed")
data_kind("export.changed")

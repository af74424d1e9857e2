"""The rules that open alerts, each with its own figures until an organization sets others.

A rule looks at rows and says what is wrong now (``Finding``); what it does not say any more is over. Rules without
``find`` are told by domain events of the rooms below and are cleared by them (``services.alert_sources``). They stand
on the page in the order of the modules below.
"""

from reporting.alert_rules import providers, queues, sending, synchronisation
from reporting.alert_rules.base import RULES, Figures, Finding, Rule

__all__ = ["RULES", "Figures", "Finding", "Rule", "providers", "queues", "sending", "synchronisation"]

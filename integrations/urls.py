"""Addresses of senders, connections and operations, below ``/o/<organization>/``."""

from __future__ import annotations

from django.urls import path

from integrations.views import (
    accounts,
    connections,
    identities,
    limits,
    mailboxes,
    numbers,
    operations,
    reconciliation,
    senders,
    sync,
    weather,
    webhooks,
)

app_name = "integrations"
urlpatterns = [
    path("senders/", senders.senders, name="senders"),
    path("senders/connect/", senders.connect, name="connect"),
    path("senders/<uuid:sender_id>/reconnect/", senders.reconnect, name="reconnect"),
    path("senders/add-number/", numbers.add, name="add_number"),
    path("senders/add-account/", accounts.add, name="add_account"),
    path("senders/add-email/", identities.add, name="add_email"),
    path("senders/<uuid:sender_id>/verification/", identities.resend, name="resend_verification"),
    path("senders/<uuid:sender_id>/refresh/", identities.refresh, name="refresh_sender"),
    path("senders/<uuid:sender_id>/identity/", identities.change, name="change_email"),
    path("senders/mailboxes/add/", mailboxes.add, name="add_mailbox"),
    path("senders/mailboxes/suggestion/", mailboxes.suggest, name="suggest_mailbox"),
    path("senders/<uuid:sender_id>/mailbox/", mailboxes.change, name="mailbox"),
    path("senders/<uuid:sender_id>/mailbox/test/", mailboxes.try_out, name="test_mailbox"),
    path("senders/<uuid:sender_id>/pause/", senders.pause, name="pause_sender"),
    path("senders/<uuid:sender_id>/resume/", senders.resume, name="resume_sender"),
    path("senders/<uuid:sender_id>/limit/", senders.limit, name="sender_limit"),
    path("senders/<uuid:sender_id>/limits/", limits.sender, name="sender_limits"),
    path("senders/<uuid:sender_id>/limits/set/", limits.set_sender, name="set_sender_limit"),
    path("senders/<uuid:sender_id>/warm-up/", limits.warm_up, name="warm_up"),
    path("ops/sync/", sync.health, name="sync"),
    path("ops/sync/stale/", sync.start_stale, name="sync_stale"),
    path("ops/sync/<uuid:sender_id>/", sync.account, name="sync_account"),
    path("ops/sync/<uuid:sender_id>/start/", sync.start, name="start_sync"),
    path("ops/sync/<uuid:sender_id>/window/", sync.window, name="sync_window"),
    path("ops/sync/runs/<uuid:run_id>/cancel/", sync.cancel, name="cancel_sync"),
    path("ops/ledger/", sync.ledger, name="ledger"),
    path("ops/ledger/incidents/<uuid:incident_id>/heal/", sync.heal, name="heal_incident"),
    path("ops/reconciliation/", reconciliation.reports, name="reconciliation"),
    path("ops/reconciliation/start/", reconciliation.start, name="start_reconciliation"),
    path("ops/reconciliation/<uuid:report_id>/", reconciliation.report, name="reconciliation_report"),
    path("ops/reconciliation/<uuid:report_id>/apply/", reconciliation.apply, name="apply_reconciliation"),
    path("ops/reconciliation/<uuid:report_id>/cancel/", reconciliation.cancel, name="cancel_reconciliation"),
    path("ops/webhooks/", webhooks.webhooks, name="webhooks"),
    path("ops/webhooks/<uuid:delivery_id>/", webhooks.webhook, name="webhook"),
    path("ops/webhooks/preview/", webhooks.preview, name="preview_replay"),
    path("ops/webhooks/replay/", webhooks.replay, name="replay_webhooks"),
    path("ops/webhooks/replays/", webhooks.replay_list, name="webhook_replays"),
    path("ops/webhooks/replays/<uuid:replay_id>/", webhooks.webhook_replay, name="webhook_replay"),
    path("ops/webhooks/replays/<uuid:replay_id>/cancel/", webhooks.cancel_replay, name="cancel_replay"),
    path("ops/webhooks/endpoints/", webhooks.endpoints, name="webhook_endpoints"),
    path("ops/webhooks/endpoints/<uuid:connection_id>/", webhooks.check_endpoint, name="check_endpoint"),
    path("ops/weather/", weather.weather, name="weather"),
    path("ops/rates/", limits.usage, name="rates"),
    path("ops/rates/shared/", limits.set_shared, name="set_shared_limit"),
    path("ops/queues/", operations.queues, name="queues"),
    path("ops/sends/", operations.sends, name="sends"),
    path("ops/switches/", operations.switches, name="switches"),
    path("ops/switches/throw/", operations.throw_switch, name="throw_switch"),
    path("settings/connections/", connections.connections, name="connections"),
    path("settings/connections/add/", connections.add, name="add_connection"),
    path(
        "settings/connections/<uuid:connection_id>/credentials/",
        connections.replace_credentials,
        name="replace_credentials",
    ),
    path("settings/connections/<uuid:connection_id>/test/", connections.try_out, name="test_connection"),
    path(
        "settings/connections/<uuid:connection_id>/webhooks/", connections.mend_webhooks, name="mend_webhooks"
    ),
    path(
        "settings/connections/<uuid:connection_id>/secret/", connections.rotate_secret, name="rotate_secret"
    ),
    path("settings/connections/<uuid:connection_id>/mode/", connections.set_mode, name="connection_mode"),
    path("settings/connections/<uuid:connection_id>/enabled/", connections.enable, name="enable_connection"),
]

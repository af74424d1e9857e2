"""Addresses of the inbox, below ``/o/<organization>/inbox/``. A change of state is a resource of its own."""

from __future__ import annotations

from django.urls import path

from inbox import (
    views,
    views_composer,
    views_context,
    views_diagnostics,
    views_files,
    views_notifications,
)

app_name = "inbox"
urlpatterns = [
    path("", views.conversations, name="list"),
    path("views/", views.view_counts, name="views"),
    path("<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("<uuid:conversation_id>/thread/", views.thread, name="thread"),
    path("<uuid:conversation_id>/diagnostics/", views_diagnostics.diagnostics, name="diagnostics"),
    path("<uuid:conversation_id>/context/", views.context, name="context"),
    path("<uuid:conversation_id>/replies/", views.reply, name="reply"),
    path("<uuid:conversation_id>/notes/", views.add_note, name="note"),
    path("<uuid:conversation_id>/assignment/", views.assignment, name="assignment"),
    path("<uuid:conversation_id>/closure/", views.closure, name="closure"),
    path("<uuid:conversation_id>/snooze/", views.snooze, name="snooze"),
    path("<uuid:conversation_id>/reading/", views.reading, name="reading"),
    path("<uuid:conversation_id>/lead/", views.link_lead, name="link_lead"),
    path("<uuid:conversation_id>/sequence/", views.sequence, name="sequence"),
    path("<uuid:conversation_id>/composer/", views_composer.composer, name="composer"),
    path("<uuid:conversation_id>/draft/", views_composer.draft, name="draft"),
    path("<uuid:conversation_id>/files/", views_composer.upload, name="upload"),
    path(
        "<uuid:conversation_id>/files/<uuid:file_id>/discard/",
        views_composer.discard_file,
        name="discard_file",
    ),
    path("<uuid:conversation_id>/preview/", views_composer.preview, name="preview"),
    path("messages/<uuid:message_id>/retry/", views.retry, name="retry"),
    path("messages/<uuid:message_id>/taking-back/", views_composer.take_back, name="take_back"),
    path("messages/<uuid:message_id>/departure/", views_composer.leave_now, name="leave_now"),
    path("messages/<uuid:message_id>/body/", views_files.body, name="body"),
    path("files/<uuid:file_id>/", views_files.file, name="file"),
    path("pictures/", views_files.picture, name="picture"),
    path("<uuid:conversation_id>/intent/", views_context.intent, name="intent"),
    path("<uuid:conversation_id>/merging/", views_context.merge, name="merge"),
    path("<uuid:conversation_id>/splitting/", views_context.split, name="split"),
    path("<uuid:conversation_id>/rehoming/", views_context.rehome, name="rehome"),
    path("<uuid:conversation_id>/person/", views_context.person, name="person"),
    path("moves/<uuid:move_id>/undo/", views_context.undo_move, name="undo_move"),
    path("notifications/", views_notifications.page, name="notifications"),
    path("notifications/choice/", views_notifications.choose, name="notification_choice"),
    path("notifications/browser/", views_notifications.browser, name="notification_browser"),
    path("canned/", views_composer.canned_list, name="canned"),
    path("canned/<uuid:canned_id>/", views_composer.canned_reply, name="canned_reply"),
]

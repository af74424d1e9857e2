"""Addresses of the inbox, below ``/o/<organization>/inbox/``. A change of state is a resource of its own."""

from __future__ import annotations

from django.urls import path

from inbox import views

app_name = "inbox"
urlpatterns = [
    path("", views.conversations, name="list"),
    path("views/", views.view_counts, name="views"),
    path("<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("<uuid:conversation_id>/thread/", views.thread, name="thread"),
    path("<uuid:conversation_id>/context/", views.context, name="context"),
    path("<uuid:conversation_id>/replies/", views.reply, name="reply"),
    path("<uuid:conversation_id>/notes/", views.add_note, name="note"),
    path("<uuid:conversation_id>/assignment/", views.assignment, name="assignment"),
    path("<uuid:conversation_id>/closure/", views.closure, name="closure"),
    path("<uuid:conversation_id>/snooze/", views.snooze, name="snooze"),
    path("<uuid:conversation_id>/reading/", views.reading, name="reading"),
    path("<uuid:conversation_id>/lead/", views.link_lead, name="link_lead"),
    path("<uuid:conversation_id>/sequence/", views.sequence, name="sequence"),
    path("messages/<uuid:message_id>/retry/", views.retry, name="retry"),
]

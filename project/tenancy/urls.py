"""Addresses of tenancy: the door, settings of an organization, the platform."""

from __future__ import annotations

from django.urls import include, path

from project.tenancy.views import entrance, platform, settings

app_name = "tenancy"

_settings = [
    path("", settings.organization, name="settings"),
    path("organization/", settings.change_organization, name="change-organization"),
    path("clients/", settings.client_list, name="clients"),
    path("clients/add/", settings.add_client, name="add-client"),
    path("clients/<uuid:client_id>/", settings.edit_client, name="client"),
    path("clients/<uuid:client_id>/archive/", settings.archive_client, name="archive-client"),
    path("members/", settings.member_list, name="members"),
    path("members/invite/", settings.invite, name="invite"),
    path("members/<uuid:member_id>/", settings.edit_member, name="member"),
    path("members/<uuid:member_id>/activity/", settings.activate_member, name="activate-member"),
    path("invitations/<uuid:invitation_id>/", settings.change_invitation, name="change-invitation"),
    path("entitlements/", settings.entitlement_list, name="entitlements"),
    path("entitlements/grant/", settings.grant_entitlement, name="grant-entitlement"),
    path(
        "entitlements/<uuid:entitlement_id>/revoke/", settings.revoke_entitlement, name="revoke-entitlement"
    ),
    path("tokens/", settings.token_list, name="tokens"),
    path("tokens/create/", settings.create_token, name="create-token"),
    path("tokens/<uuid:token_id>/revoke/", settings.revoke_token, name="revoke-token"),
    path("audit/", settings.audit_log, name="audit"),
    path("account/", settings.account, name="account"),
]

_platform = [
    path("", platform.overview, name="platform"),
    path("provision/", platform.provision, name="provision"),
    path("impersonation/end/", platform.stop_impersonating, name="stop-impersonating"),
    path("organizations/<uuid:organization_id>/", platform.organization, name="platform-organization"),
    path("organizations/<uuid:organization_id>/suspension/", platform.suspend, name="suspend"),
    path(
        "organizations/<uuid:organization_id>/members/<uuid:member_id>/impersonate/",
        platform.impersonate,
        name="impersonate",
    ),
]

urlpatterns = [
    path("", entrance.start, name="start"),
    path("accounts/time-zone/", entrance.time_zone, name="time-zone"),
    path("invitations/<str:token>/", entrance.invitation, name="invitation"),
    path("platform/", include(_platform)),
    path("o/<slug:organization_slug>/", entrance.home, name="home"),
    path("o/<slug:organization_slug>/settings/", include(_settings)),
]

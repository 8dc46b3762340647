"""The 89 permissions of e-mail marketing, in the areas where people look for them.

Every edition uses a part of these; ``teams/editions`` says which, and who holds them. The order
is the order of the pages that list them.

``implies`` is what a custom role must tick along: the menu under which a thing is found (Sailthru,
"Roles and Permissions"). It binds custom roles only. In other editions a right may well be held
without its menu: a Response-only member of Emma Enterprise may export without the Audience tab,
so ``export_contacts`` implies nothing.
"""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from permissions.catalogue import ACCOUNT, Catalogue

CATALOGUE = Catalogue("teams")

# The audience: contacts, lists, segments, and what carries addresses out

AUDIENCE = CATALOGUE.area("audience", _("Audience"))

ACCESS_AUDIENCE = AUDIENCE.declare("access_audience", label=_("Audience"))
VIEW_CONTACTS = AUDIENCE.declare("view_contacts", label=_("View contacts"))
ADD_CONTACTS = AUDIENCE.declare("add_contacts", label=_("Add contacts"))
DELETE_CONTACTS = AUDIENCE.declare("delete_contacts", label=_("Delete contacts"))
EXPORT_CONTACTS = AUDIENCE.declare("export_contacts", label=_("Export contacts"))
EXPORT_PII = AUDIENCE.declare(
    "export_pii", label=_("Addresses in exports"), implies=(ACCESS_AUDIENCE,)
)
RUN_PARTNER_EXPORTS = AUDIENCE.declare(
    "run_partner_exports", label=_("Partner exports"), implies=(ACCESS_AUDIENCE,)
)
RENAME_LISTS = AUDIENCE.declare("rename_lists", label=_("Rename lists"), implies=(ACCESS_AUDIENCE,))
DELETE_LISTS = AUDIENCE.declare("delete_lists", label=_("Delete lists"), implies=(ACCESS_AUDIENCE,))
CHANGE_LIST_TYPE = AUDIENCE.declare(
    "change_list_type", label=_("Change list type"), implies=(ACCESS_AUDIENCE,)
)
CREATE_SEGMENTS = AUDIENCE.declare("create_segments", label=_("Create segments"))
USE_AUDIENCE_BUILDER = AUDIENCE.declare(
    "use_audience_builder", label=_("Audience builder"), implies=(ACCESS_AUDIENCE,)
)
CREATE_LOOKALIKE_AUDIENCES = AUDIENCE.declare(
    "create_lookalike_audiences", label=_("Lookalike audiences")
)
VIEW_AUDIENCE_SHARING = AUDIENCE.declare("view_audience_sharing", label=_("View audience sharing"))
MANAGE_AUDIENCE_SHARING = AUDIENCE.declare(
    "manage_audience_sharing", label=_("Manage audience sharing")
)

# Campaigns: what is written, approved and sent

CAMPAIGNS = CATALOGUE.area("campaigns", _("Campaigns"))

ACCESS_CAMPAIGNS = CAMPAIGNS.declare("access_campaigns", label=_("Campaigns"))
CREATE_CAMPAIGNS = CAMPAIGNS.declare("create_campaigns", label=_("Create mailings"))
TEST_CAMPAIGNS = CAMPAIGNS.declare("test_campaigns", label=_("Send tests"))
SEND_CAMPAIGNS = CAMPAIGNS.declare("send_campaigns", label=_("Send mailings"))
APPROVE_CAMPAIGNS = CAMPAIGNS.declare("approve_campaigns", label=_("Approve campaigns"))
CHANGE_PUBLISHED_CAMPAIGNS = CAMPAIGNS.declare(
    "change_published_campaigns", label=_("Change after sending")
)
DELETE_CAMPAIGNS = CAMPAIGNS.declare("delete_campaigns", label=_("Delete campaigns"))
SHARE_CAMPAIGNS = CAMPAIGNS.declare("share_campaigns", label=_("Share between subaccounts"))

# Automation: series and flows that send by themselves

AUTOMATION = CATALOGUE.area("automation", _("Automation"))

ACCESS_AUTOMATION = AUTOMATION.declare("access_automation", label=_("Automation"))
CREATE_AUTOMATIONS = AUTOMATION.declare("create_automations", label=_("Create automations"))
CHANGE_AUTOMATIONS = AUTOMATION.declare("change_automations", label=_("Edit automations"))
CHANGE_AUTOMATION_STATUS = AUTOMATION.declare(
    "change_automation_status", label=_("Change automation status")
)

# Response: what came of it

RESPONSE = CATALOGUE.area("response", _("Response"))

ACCESS_RESPONSE = RESPONSE.declare("access_response", label=_("Response"))
VIEW_DEEP_REPORTS = RESPONSE.declare("view_deep_reports", label=_("Detailed reports"))
ACCESS_INSIGHTS = RESPONSE.declare("access_insights", label=_("Insights"))

# Content: images, rows, pages, overlays, and what the brand fixes

CONTENT = CATALOGUE.area("content", _("Content"))

ACCESS_CONTENT = CONTENT.declare("access_content", label=_("Content"))
UPLOAD_IMAGES = CONTENT.declare("upload_images", label=_("Upload and edit images"))
DELETE_IMAGES = CONTENT.declare("delete_images", label=_("Delete images"))
SAVE_ROWS = CONTENT.declare("save_rows", label=_("Save rows"))
LOCK_ROWS_AND_CONTENTS = CONTENT.declare(
    "lock_rows_and_contents", label=_("Lock rows and contents")
)
CHANGE_LOCKED_ROWS = CONTENT.declare("change_locked_rows", label=_("Edit locked rows"))
CHANGE_LOCKED_CONTENTS = CONTENT.declare("change_locked_contents", label=_("Edit locked contents"))
MANAGE_LOGOS = CONTENT.declare("manage_logos", label=_("Manage logos"))
CREATE_LANDING_PAGES = CONTENT.declare("create_landing_pages", label=_("Create landing pages"))
PUBLISH_LANDING_PAGES = CONTENT.declare("publish_landing_pages", label=_("Publish landing pages"))
MANAGE_HOSTED_PAGES = CONTENT.declare(
    "manage_hosted_pages", label=_("Hosted pages"), implies=(ACCESS_CONTENT,)
)
CHANGE_OVERLAY_STATUS = CONTENT.declare("change_overlay_status", label=_("Change overlay status"))
MANAGE_WEBSITES = CONTENT.declare("manage_websites", label=_("Manage websites"))
MANAGE_STORES = CONTENT.declare("manage_stores", label=_("Manage online stores"))
MANAGE_DOMAINS = CONTENT.declare("manage_domains", label=_("Manage domains"))
PURCHASE_CONTENT = CONTENT.declare("purchase_content", label=_("Purchase content"))

# Social and ads

SOCIAL = CATALOGUE.area("social", _("Social and ads"))

CREATE_SOCIAL_POSTS = SOCIAL.declare("create_social_posts", label=_("Create social posts"))
PUBLISH_SOCIAL_POSTS = SOCIAL.declare("publish_social_posts", label=_("Publish social posts"))
RESPOND_SOCIAL_COMMENTS = SOCIAL.declare("respond_social_comments", label=_("Reply to comments"))
VIEW_SOCIAL_ADS = SOCIAL.declare("view_social_ads", label=_("View social ads"))
MANAGE_SOCIAL_ADS = SOCIAL.declare("manage_social_ads", label=_("Manage social ads"))
VIEW_LEAD_ADS = SOCIAL.declare("view_lead_ads", label=_("View lead ads"))
MANAGE_LEAD_ADS = SOCIAL.declare("manage_lead_ads", label=_("Manage lead ads"))
MANAGE_GOOGLE_ADS = SOCIAL.declare("manage_google_ads", label=_("Manage Google Ads"))

# People: staff, never contacts

PEOPLE = CATALOGUE.area("people", _("People"))

MANAGE_MEMBERS = PEOPLE.declare("manage_members", label=_("Add and edit people"))
MANAGE_ADMINISTRATORS = PEOPLE.declare(
    "manage_administrators", label=_("Edit other Administrators")
)
MANAGE_MANAGERS = PEOPLE.declare(
    "manage_managers", label=_("Create and edit managers"), level=ACCOUNT
)
VIEW_PARENT_USERS = PEOPLE.declare(
    "view_parent_users", label=_("People across subaccounts"), level=ACCOUNT
)
MANAGE_ROLES = PEOPLE.declare("manage_roles", label=_("Manage roles"))
MANAGE_TEAMS = PEOPLE.declare("manage_teams", label=_("Manage teams"))
ASSIGN_TEAM_RESOURCES = PEOPLE.declare("assign_team_resources", label=_("Assign team resources"))

# Settings of one subaccount

SETTINGS = CATALOGUE.area("settings", _("Settings"))

ACCESS_SETTINGS = SETTINGS.declare("access_settings", label=_("Settings"))
MANAGE_SUBACCOUNT_SETTINGS = SETTINGS.declare(
    "manage_subaccount_settings", label=_("Change subaccount settings")
)
GENERATE_API_KEYS = SETTINGS.declare("generate_api_keys", label=_("Generate API keys"))
USE_API_TEST = SETTINGS.declare("use_api_test", label=_("API test"), implies=(ACCESS_SETTINGS,))
MANAGE_INTEGRATIONS = SETTINGS.declare("manage_integrations", label=_("Manage integrations"))
MANAGE_FEATURES = SETTINGS.declare("manage_features", label=_("Turn features on and off"))
PURGE_ARCHIVED = SETTINGS.declare("purge_archived", label=_("Purge archived items"))

# The account as a whole (the symbol ACCOUNT is the level)

WHOLE_ACCOUNT = CATALOGUE.area("account", _("Account"))

CREATE_SUBACCOUNTS = WHOLE_ACCOUNT.declare(
    "create_subaccounts", label=_("Create subaccounts"), level=ACCOUNT
)
ARCHIVE_SUBACCOUNTS = WHOLE_ACCOUNT.declare(
    "archive_subaccounts", label=_("Archive subaccounts"), level=ACCOUNT
)
VIEW_ACCOUNT_BASICS = WHOLE_ACCOUNT.declare(
    "view_account_basics", label=_("View account basics"), level=ACCOUNT
)
MANAGE_ACCOUNT_SETTINGS = WHOLE_ACCOUNT.declare(
    "manage_account_settings", label=_("Change account settings"), level=ACCOUNT
)
MANAGE_THEME = WHOLE_ACCOUNT.declare("manage_theme", label=_("Change account theme"), level=ACCOUNT)
VIEW_ASSETS = WHOLE_ACCOUNT.declare("view_assets", label=_("View assets"), level=ACCOUNT)
MANAGE_BRAND_ASSETS = WHOLE_ACCOUNT.declare(
    "manage_brand_assets", label=_("Manage brand assets"), level=ACCOUNT
)
MANAGE_SSO = WHOLE_ACCOUNT.declare("manage_sso", label=_("Change SSO settings"), level=ACCOUNT)
VIEW_PARENT_INSIGHTS = WHOLE_ACCOUNT.declare(
    "view_parent_insights", label=_("Insights across subaccounts"), level=ACCOUNT
)
VIEW_APPROVALS = WHOLE_ACCOUNT.declare(
    "view_approvals", label=_("Approvals across subaccounts"), level=ACCOUNT
)
VIEW_ACCOUNTS_TAB = WHOLE_ACCOUNT.declare(
    "view_accounts_tab", label=_("Accounts tab"), level=ACCOUNT
)
VIEW_PARTNER_RESOURCES = WHOLE_ACCOUNT.declare(
    "view_partner_resources", label=_("Partner resources"), level=ACCOUNT
)
VIEW_METER_USAGE = WHOLE_ACCOUNT.declare("view_meter_usage", label=_("Meter usage"), level=ACCOUNT)

# Billing

BILLING = CATALOGUE.area("billing", _("Billing"))

VIEW_BILLING_REPORTS = BILLING.declare(
    "view_billing_reports", label=_("View billing reports"), level=ACCOUNT
)
VIEW_INVOICES = BILLING.declare("view_invoices", label=_("View invoices"), level=ACCOUNT)
PAY_INVOICES = BILLING.declare("pay_invoices", label=_("Pay invoices"), level=ACCOUNT)
VIEW_BILLING_DETAILS = BILLING.declare(
    "view_billing_details", label=_("View billing details"), level=ACCOUNT
)
CHANGE_BILLING_DETAILS = BILLING.declare(
    "change_billing_details", label=_("Change billing details"), level=ACCOUNT
)
VIEW_RATE_PLAN = BILLING.declare("view_rate_plan", label=_("View rate plan"), level=ACCOUNT)
CHANGE_RATE_PLAN = BILLING.declare("change_rate_plan", label=_("Change rate plan"), level=ACCOUNT)
VIEW_SUBACCOUNT_BILLING = BILLING.declare(
    "view_subaccount_billing", label=_("View subaccount billing")
)

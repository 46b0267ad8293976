"""Every URL of the product, in the order a customer meets them."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from web import (
    account_events,
    closing,
    customer_accounts,
    customer_switch,
    devices,
    email_change,
    email_links,
    email_takeover,
    events,
    export,
    home,
    invitation_answers,
    invitations,
    login,
    members,
    my_details,
    password_reset,
    pwa,
    registration,
    review,
    styles,
    two_factor,
    two_factor_reset,
)
from web.bankid import finish as bankid_finish
from web.bankid import pages as bankid_pages
from web.bankid import start as bankid_start
from web.bankid import unlink as bankid_unlink
from web.mobile import api, authorize, description, oauth
from web.mobile import links as mobile_links
from web.settings import ROOT, Settings


class CustomerNumber(Convertor[str]):
    """As the models keep it, without leading zeros."""

    regex = "[0-9]{1,20}"

    def convert(self, value: str) -> str:
        return value.lstrip("0")

    def to_string(self, value: str) -> str:
        return value


class RowId(Convertor[int]):
    """The number of a row; of one that is longer than any, 0, which is nobody's."""

    regex = "[0-9]+"

    def convert(self, value: str) -> int:
        return int(value) if len(value) <= 9 else 0

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("customer_number", CustomerNumber())
register_url_convertor("row_id", RowId())

routes: list[BaseRoute] = [
    Route("/", home.Public, name="home"),
    Route("/tillganglighet", home.Accessibility, name="accessibility"),
    Route("/personuppgifter", home.Privacy, name="privacy"),
    Route("/manifest.webmanifest", pwa.manifest, name="pwa:manifest"),
    Route("/sw.js", pwa.worker, name="pwa:worker"),
    Route("/offline", pwa.offline, name="pwa:offline"),
    Route("/logga-in", login.Credentials, name="login"),
    Route("/logga-in/kod", login.Code, name="login:code"),
    Route("/logga-ut", login.Logout, name="logout"),
    Route("/bekrafta-dig", login.ConfirmIdentity, name="confirm_identity"),
    Route("/bankid/starta", bankid_start.Start, name="bankid:start"),
    Route("/bankid/retur", bankid_pages.Return, name="bankid:return"),
    Route("/bankid/okand", bankid_finish.Unknown, name="bankid:unknown"),
    Route("/bankid/koppla", bankid_finish.Offer, name="bankid:offer"),
    Route("/bankid/{public_id}", bankid_pages.Flow, name="bankid:flow"),
    Route("/bankid/{public_id}/status", bankid_pages.Status, name="bankid:status"),
    Route("/bankid/{public_id}/qr", bankid_pages.Frame, name="bankid:frame"),
    Route("/bankid/{public_id}/avbryt", bankid_pages.Cancel, name="bankid:cancel"),
    Route("/bankid/{public_id}/ny", bankid_pages.Again, name="bankid:again"),
    Route("/bankid/{public_id}/klar", bankid_finish.Finish, name="bankid:finish"),
    Route("/registrera/steg-1", registration.Method, name="registration:method"),
    Route("/registrera/steg-2", registration.AccountDetails, name="registration:account_details"),
    Route("/registrera/steg-3", registration.PersonalDetails, name="registration:personal_details"),
    Route("/registrera/med-bankid", registration.WithBankID, name="registration:with_bankid"),
    Route("/registrera/koppla", registration.Link, name="registration:link"),
    Route("/registrera/din-adress", email_takeover.Ask, name="email_takeover:ask"),
    Route("/din-adress", email_takeover.TakeOver, name="email_takeover:take_over"),
    Route("/din-adress/klart", email_takeover.Done, name="email_takeover:done"),
    Route("/din-adress/{token}", email_takeover.OpenTakeOver, name="email_takeover:open"),
    Route("/registrera/steg-4", registration.TwoFactorChoice, name="registration:two_factor"),
    Route(
        "/registrera/steg-4/hoppa-over",
        registration.SkipTwoFactor,
        name="registration:skip_two_factor",
    ),
    Route("/registrera/klart", registration.Done, name="registration:done"),
    Route("/glomt-losen", password_reset.Forgotten, name="password_reset:forgotten"),
    Route("/glomt-losen/skickat", password_reset.Sent, name="password_reset:sent"),
    Route("/aterstall-losen", password_reset.NewPassword, name="password_reset:new_password"),
    Route(
        "/aterstall-losen/{token}",
        password_reset.OpenNewPassword,
        name="password_reset:open_new_password",
    ),
    Route("/aterstall-tvafaktor", two_factor_reset.Ask, name="two_factor_reset:ask"),
    Route("/aterstall-tvafaktor/skickat", two_factor_reset.Sent, name="two_factor_reset:sent"),
    Route(
        "/aterstall-tvafaktor/losenord", two_factor_reset.Password, name="two_factor_reset:password"
    ),
    Route("/aterstall-tvafaktor/ny", two_factor_reset.NewApp, name="two_factor_reset:new_app"),
    Route("/aterstall-tvafaktor/{token}", two_factor_reset.Open, name="two_factor_reset:open"),
    Route("/bekrafta-epost", email_links.ConfirmEmail, name="email_links:confirm_email"),
    Route("/bekrafta-epost/ny", email_links.Resend, name="email_links:resend"),
    Route(
        "/bekrafta-epost/{token}",
        email_links.OpenConfirmEmail,
        name="email_links:open_confirm_email",
    ),
    Route("/det-var-inte-jag", email_links.Notice, name="email_links:notice"),
    Route("/det-var-inte-jag/{token}", email_links.OpenNotice, name="email_links:open_notice"),
    Route("/angra-epostbyte", email_change.Undo, name="email_change:undo"),
    Route("/angra-epostbyte/{token}", email_change.OpenUndo, name="email_change:open_undo"),
    Route("/lank/byt-anvandare", email_links.SwitchUser, name="email_links:switch_user"),
    Route("/inbjudan", invitation_answers.Answer, name="invitations:answer"),
    Route("/inbjudan/nej", invitation_answers.Decline, name="invitations:decline"),
    Route("/inbjudan/nytt-konto", invitation_answers.Register, name="invitations:register"),
    Route("/inbjudan/{token}", invitation_answers.Open, name="invitations:open"),
    Route("/mina-uppgifter", my_details.PersonalDetails, name="my_details:personal_details"),
    Route("/mina-uppgifter/epost", email_change.NewAddress, name="email_change:new_address"),
    Route("/mina-uppgifter/epost/igen", email_change.SendAgain, name="email_change:send_again"),
    Route("/mina-uppgifter/epost/avbryt", email_change.Withdraw, name="email_change:withdraw"),
    Route("/mina-uppgifter/losenord", my_details.Password, name="my_details:password"),
    Route(
        "/mina-uppgifter/inloggningsuppgifter",
        my_details.Credentials,
        name="my_details:credentials",
    ),
    Route(
        "/mina-uppgifter/inloggningsuppgifter/inaktivera",
        two_factor.Deactivate,
        name="two_factor:deactivate",
    ),
    Route(
        "/mina-uppgifter/inloggningsuppgifter/ta-bort-bankid",
        bankid_unlink.Unlink,
        name="bankid:unlink",
    ),
    Route(
        "/mina-uppgifter/aterstallningskoder/nya",
        two_factor.NewRecoveryCodes,
        name="recovery_codes:new",
    ),
    Route(
        "/mina-uppgifter/aterstallningskoder",
        two_factor.RecoveryCodesSaved,
        name="recovery_codes:saved",
    ),
    Route(
        "/mina-uppgifter/aterstallningskoder.txt",
        two_factor.RecoveryCodesFile,
        name="recovery_codes:file",
    ),
    Route("/mina-uppgifter/enheter", devices.End, name="devices:end"),
    Route("/mina-uppgifter/enheter/andra", devices.EndOthers, name="devices:end_others"),
    Route("/mina-uppgifter/enheter/app/{public_id:uuid}", devices.Name, name="devices:name"),
    Route("/mina-uppgifter/avsluta", closing.Close, name="closing:close"),
    Route("/mina-uppgifter/avsluta/angra", closing.Undo, name="closing:undo"),
    Route("/mina-uppgifter/handelser", events.History, name="events"),
    Route("/mina-uppgifter/handelser.csv", events.File, name="events:file"),
    Route("/mina-uppgifter/hamta", export.Export, name="export"),
    Route("/mina-uppgifter/hamta.html", export.Document, name="export:document"),
    Route("/mina-uppgifter/hamta.json", export.Data, name="export:data"),
    Route("/byt-kund", customer_switch.Switch, name="customer_accounts:switch"),
    Route("/byt-kund/favorit", customer_switch.Favourite, name="customer_accounts:favourite"),
    Route("/lagg-till-kundkonto", customer_accounts.Add, name="customer_accounts:add"),
    Route(
        "/kund/{customer_number:customer_number}", customer_accounts.Show, name="customer_account"
    ),
    Route("/kund/{customer_number:customer_number}/anvandare", members.Users, name="members"),
    Route(
        "/kund/{customer_number:customer_number}/anvandare/svar",
        members.Answer,
        name="members:answer",
    ),
    Route(
        "/kund/{customer_number:customer_number}/anvandare/regler",
        members.Rules,
        name="members:rules",
    ),
    Route(
        "/kund/{customer_number:customer_number}/anvandare/bjud-in",
        invitations.Invite,
        name="invitations:invite",
    ),
    Route(
        "/kund/{customer_number:customer_number}/anvandare/inbjudan",
        invitations.Change,
        name="invitations:change",
    ),
    Route(
        "/kund/{customer_number:customer_number}/anvandare/{membership_id:row_id}",
        members.One,
        name="members:one",
    ),
    Route("/kund/{customer_number:customer_number}/lamna", members.Leave, name="members:leave"),
    Route(
        "/kund/{customer_number:customer_number}/handelser",
        account_events.History,
        name="account_events",
    ),
    Route(
        "/kund/{customer_number:customer_number}/handelser.csv",
        account_events.File,
        name="account_events:file",
    ),
    Route("/kund/{customer_number:customer_number}/oversyn", review.Review, name="review"),
    Route("/oauth/authorize", authorize.Authorize, name="oauth:authorize"),
    Route("/oauth/byt-anvandare", authorize.SwitchUser, name="oauth:switch_user"),
    Route("/oauth/webblasaren", authorize.InBrowser, name="oauth:in_browser"),
    Route("/oauth/authorize-challenge", oauth.Challenge, name="oauth:challenge"),
    Route("/oauth/token", oauth.Token, name="oauth:token"),
    Route("/oauth/revoke", oauth.Revoke, name="oauth:revoke"),
    Route("/.well-known/oauth-authorization-server", oauth.metadata, name="oauth:metadata"),
    Route("/app/klar", mobile_links.Done, name="mobile:done"),
    Route("/api", description.Reference, name="api"),
    Route("/openapi.json", description.openapi, name="openapi"),
    Route("/api/v1/jag", api.Me, name="api:me"),
    Route("/api/v1/kundkonton", api.CustomerAccounts, name="api:customer_accounts"),
    Route(
        "/api/v1/kundkonton/{customer_number:customer_number}",
        api.OneCustomerAccount,
        name="api:customer_account",
    ),
    Route("/api/v1/enheter", api.Devices, name="api:devices"),
    Route("/api/v1/enheter/{device_id:uuid}", api.OneDevice, name="api:device"),
    Route("/healthz", home.alive),
    Route("/readyz", home.ready),
    Route("/.well-known/change-password", password_reset.well_known),
    Route("/.well-known/assetlinks.json", mobile_links.android, name="mobile:android"),
    Route("/.well-known/apple-app-site-association", mobile_links.ios, name="mobile:ios"),
    Route("/static/css/portal.css", styles.answer, name="stylesheet"),
    Mount("/static", StaticFiles(directory=ROOT / "static"), name="static"),
]


def routes_for(settings: Settings) -> list[BaseRoute]:
    """The routes of this installation: in development with the tools of those who build it."""
    if not settings.development:
        return routes
    from web.development.routes import routes as tools

    return [*routes, *tools]

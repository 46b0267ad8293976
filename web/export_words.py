"""What the tables and columns of the exported document are called in Swedish."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models.app_device import Kind
from models.email_link import Purpose
from models.membership import Role, Status
from models.totp import State
from models.user import TwoFactor
from web.devices import HOW
from web.mobile import clients
from web.notices import NOTICES
from web.rendering import date_and_time

TITLES = {
    "user": "Dina uppgifter",
    "bankid": "BankID",
    "customer_accounts": "Kundkonton som du har åtkomst till",
    "invitations": "Inbjudningar från dig eller till dig",
    "sessions": "Enheter som du är inloggad på",
    "known_devices": "Webbläsare som du har loggat in från",
    "half_logins": "Inloggningar som väntar på en engångskod",
    "app_devices": "Enheter där du är inloggad i appen MittPreZero",
    "app_logins": "Inloggningar i appen som väntar på en engångskod",
    "app_codes": "Koder som appen har loggat in med",
    "app_tokens": "Appens nycklar",
    "authenticator_apps": "Autentiseringsapp",
    "recovery_codes": "Återställningskoder",
    "links": "Länkar som vi har mejlat",
    "mails": "Mejl som vi har skickat",
    "registrations": "Registreringar",
    "events": "Händelser",
}
LABELS = {
    "activated_at": "Påslagen",
    "active_customer_account_name": "Senast använda kundkonto",
    "address": "IP-adress",
    "at": "När",
    "authenticated_at": "Lösenordet angivet senast",
    "claimed_at": "Kontouppgifter angivna",
    "client_id": "App",
    "closes_at": "Tas bort",
    "created_at": "Skapad",
    "customer_account_customer_number": "Kundnummer",
    "customer_account_name": "Kundkonto",
    "delayed_until": "Skickas tidigast",
    "device_name": "Enhet",
    "email": "E-post",
    "email_confirmed_at": "E-postadressen bekräftad",
    "failures": "Fel koder i rad",
    "family_name": "Efternamn",
    "finished_at": "Klar",
    "frozen_at": "Stängd med Det var inte jag",
    "given_name": "Förnamn",
    "given_up_at": "Skickades inte",
    "how": "Hur",
    "identified_at": "Identifierad med BankID",
    "is_favourite": "Favorit",
    "is_linking": "Väntar på inloggning",
    "kind": "Vad",
    "last_used_at": "Senast använd",
    "last_login_at": "Senaste inloggning",
    "linked_at": "Kopplat",
    "name": "Namn",
    "next_path": "På väg till",
    "password_changed_at": "Lösenordet ändrat",
    "password_reset_at": "Lösenordet ändrat med en länk",
    "paused_at": "Pausad",
    "pending": "Väntar på att sparas",
    "personal_number": "Personnummer",
    "phone": "Mobilnummer",
    "purpose": "Till vad",
    "remembered": "Håll mig inloggad",
    "replaced_at": "Ersatt av en nyare",
    "role": "Roll",
    "rotated_at": "Förbrukad",
    "seen_at": "Senast använd",
    "sent_at": "Skickad",
    "service_told_at": "Kundtjänst påmind",
    "started_at": "Påbörjad",
    "state": "Läge",
    "status": "Status",
    "to": "Till",
    "tries": "Försök",
    "two_factor": "Tvåfaktorsautentisering",
    "used_at": "Använd",
    "user_agent": "Webbläsarens egen beskrivning",
    "voided_at": "Slutade gälla",
}
WORDS: dict[str, dict[str, str]] = {
    "how": {str(how): words for how, words in HOW.items()},
    "kind": {
        Kind.ACCESS: "För att hämta uppgifter",
        Kind.REFRESH: "För att få nya nycklar",
        **{kind: notice.subject for kind, notice in NOTICES.items()},
        "welcome": "Välkommen till MinaSidor",
        "confirm_email": "Bekräfta din e-postadress",
        "reset_password": "Välj ett nytt lösenord",
        "reset_two_factor": "Återställ tvåfaktorsautentisering",
        "frozen": "Kontot är stängt",
        "frozen_by_operator": "Kontot är stängt",
        "change_email": "Bekräfta din nya e-postadress",
        "email_in_use": "Du har redan ett konto",
        "email_replaced": "Din e-postadress är ändrad",
        "take_over_email": "Är det din adress?",
        "new_administrator": "Ny administratör för kundkontot",
        "new_member": "Ny användare i kundkontot",
        "approval_asked": "Någon väntar på godkännande",
        "access_approved": "Du har åtkomst till ett kundkonto",
        "access_denied": "Du fick inte åtkomst till ett kundkonto",
        "access_removed": "Din åtkomst till ett kundkonto är borttagen",
        "made_administrator": "Du är administratör för ett kundkonto",
        "no_longer_administrator": "Du är inte längre administratör för ett kundkonto",
        "invitation": "Inbjudan till ett kundkonto",
        "review": "Vilka har åtkomst?",
        "invitation_declined": "Någon har tackat nej till din inbjudan",
        "invitation_accepted": "Någon har tackat ja till din inbjudan",
    },
    "purpose": {
        Purpose.CONFIRM_EMAIL: "Bekräfta e-postadressen",
        Purpose.RESET_PASSWORD: "Välja ett nytt lösenord",
        Purpose.RESET_TWO_FACTOR: "Återställa tvåfaktorsautentisering",
        Purpose.CHANGE_EMAIL: "Byta e-postadress",
        Purpose.TAKE_OVER_EMAIL: "Bekräfta en adress som redan används",
        Purpose.NOT_ME: "Svara Det var inte jag",
        Purpose.NOT_US: "Svara Det var inte vi",
        Purpose.UNDO_EMAIL: "Ångra byte av e-postadress",
        Purpose.INVITATION: "Tacka ja till en inbjudan",
    },
    "role": {Role.ADMINISTRATOR: "Administratör", Role.MEMBER: "Användare"},
    "status": {Status.ACTIVE: "Aktiv", Status.AWAITING_APPROVAL: "Väntar på godkännande"},
    "state": {State.PENDING: "Väntar på den första koden", State.ACTIVE: "På"},
    "two_factor": {
        TwoFactor.ON: "På",
        TwoFactor.SKIPPED: "Av",
        TwoFactor.UNANSWERED: "Inte vald än",
    },
}


def in_words(column: str, value: Any) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "Ja" if value else "Nej"
    if isinstance(value, datetime):
        return date_and_time(value)
    if column == "client_id":
        return clients.titled(str(value))
    return WORDS.get(column, {}).get(str(value), str(value))

"""The words of the security notices: one mail for all, each with what happened and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Notice:
    """Its subject, what happened, and what the reader may want to know of it.

    Sentences may name `{at}`, when it happened, and whatever else `models.notice.tell` was given.
    """

    subject: str
    happened: str
    more: str = ""
    moments: tuple[str, ...] = field(default=("at",))  # which of the data are points in time
    by_us: bool = False  # "Var det du?" is no question where it was the portal that did it


NOTICES = {
    "new_device": Notice(
        "Ny inloggning på ditt konto",
        "Någon loggade in {at} från {device}.",
    ),
    "app_reused": Notice(
        "MittPreZero är utloggad på en av dina enheter",
        "En gammal inloggning i {device} användes en gång till {at}. Det kan betyda att någon "
        "annan har kommit över den. Därför har vi loggat ut enheten.",
        "Logga in i appen igen. Händer det fler gånger? Byt lösenord.",
        by_us=True,
    ),
    "password_changed": Notice(
        "Ditt lösenord är ändrat",
        "Lösenordet ändrades {at}. Du är utloggad på andra enheter.",
    ),
    "two_factor_on": Notice(
        "Tvåfaktorsautentisering är på",
        "Tvåfaktorsautentiseringen slogs på {at}.",
        "Från och med nu loggar du in med lösenordet och en engångskod från autentiseringsappen.",
    ),
    "two_factor_off": Notice(
        "Tvåfaktorsautentisering är inaktiverad",
        "Tvåfaktorsautentiseringen inaktiverades {at}.",
        "Nu räcker lösenordet för att logga in.",
    ),
    "two_factor_reset": Notice(
        "Tvåfaktorsautentisering är återställd",
        "Tvåfaktorsautentiseringen återställdes {at}. Du är utloggad på andra enheter.",
        "Koder från den gamla raden i autentiseringsappen fungerar inte längre.",
    ),
    "two_factor_reset_asked": Notice(
        "Någon vill återställa tvåfaktorsautentisering",
        "Någon loggade in med ditt lösenord {at} och bad om att återställa "
        "tvåfaktorsautentiseringen.",
        "Lösenordet har nyligen bytts med en länk i ett mejl. Därför skickar vi länken till den "
        "nya QR-koden först {sent_at}. Loggar du in med en kod före dess skickas den inte.",
        moments=("at", "sent_at"),
    ),
    "two_factor_paused": Notice(
        "Engångskoder är pausade på ditt konto",
        "Någon har angett rätt lösenord till ditt konto, men fel engångskod, väldigt många gånger. "
        "Därför går det inte längre att logga in med engångskoder från autentiseringsappen.",
        "Använd en av dina återställningskoder när du loggar in, eller klicka på Återställ "
        "tvåfaktorsautentisering efter att du har angett lösenordet.",
    ),
    "recovery_code_used": Notice(
        "En återställningskod är använd",
        "En av dina återställningskoder användes {at}.",
        "Antal koder som är kvar: {left}. Du kan skapa nya under Mina uppgifter.",
    ),
    "recovery_codes_renewed": Notice(
        "Du har fått nya återställningskoder",
        "Nya återställningskoder skapades {at}.",
        "De gamla koderna fungerar inte längre.",
    ),
    "wrong_codes": Notice(
        "Fel engångskod flera gånger",
        "Någon angav rätt lösenord till ditt konto, men fel engångskod tre gånger, senast {at}.",
        "Ingen har loggat in.",
    ),
    "bankid_linked": Notice(
        "BankID är kopplat till ditt konto",
        "BankID för {bankid_name} kopplades till ditt konto {at}.",
        "Från och med nu går det att logga in på kontot med det, utan lösenord.",
    ),
    "bankid_unlinked": Notice(
        "BankID är borttaget från ditt konto",
        "BankID togs bort från ditt konto {at}. Du är utloggad på andra enheter.",
        "Nu loggar du in med e-post och lösenord.",
    ),
    "bankid_risk": Notice(
        "Ovanlig inloggning med BankID",
        "Någon identifierade sig med ditt BankID {at}. BankID bedömer att risken var högre än "
        "vanligt.",
        "Har någon ringt eller skrivit och bett dig att identifiera dig? Ring din bank.",
    ),
    "unfrozen_by_bankid": Notice(
        "Ditt konto är öppet igen",
        "Någon öppnade ditt konto {at} genom att identifiera sig med ditt BankID.",
        "Om du hade ett lösenord fungerar det inte längre. Välj ett nytt under Mina uppgifter.",
    ),
    "limit_reached": Notice(
        "Många misslyckade inloggningar på ditt konto",
        "Någon har försökt logga in på ditt konto många gånger med fel lösenord, senast {at}.",
        "Ingen har loggat in. För säkerhets skull går det inte att logga in från nya enheter "
        "den närmaste timmen.",
    ),
    "login_after_failures": Notice(
        "Inloggning efter många misslyckade försök",
        "Någon loggade in på ditt konto {at} från {device}, efter många försök med fel lösenord.",
    ),
    "closing": Notice(
        "Ditt användarkonto är avslutat",
        "Användarkontot avslutades {at}, och alla enheter är utloggade.",
        "Dina uppgifter raderas {closes_at}. Ångrar du dig? Logga in före dess och klicka på "
        "Ångra.",
        moments=("at", "closes_at"),
    ),
    "reopened": Notice(
        "Ditt användarkonto är öppet igen",
        "Någon loggade in och ångrade att användarkontot avslutades {at}.",
        "Dina uppgifter raderas inte, och du når dina kundkonton som förut.",
    ),
    "recovery_codes_gone": Notice(
        "Dina återställningskoder fungerar inte längre",
        "Vi har bytt en säkerhetsnyckel hos oss {at}. Därför fungerar dina gamla "
        "återställningskoder inte längre.",
        "Skapa nya under Mina uppgifter. Koderna från autentiseringsappen fungerar som förut.",
    ),
    "unfrozen": Notice(
        "Ditt konto är öppet igen",
        "Kundtjänst öppnade ditt konto {at}.",
        "Du loggar in med samma lösenord som förut.",
    ),
    "email_change_asked": Notice(
        "Någon vill byta din e-postadress",
        "Någon bad om att byta e-postadress på ditt konto {at}.",
        "Adressen byts först när den nya är bekräftad.",
    ),
    "email_restored": Notice(
        "Bytet av e-postadress är ångrat",
        "Ditt konto fick tillbaka den här adressen {at}. Du är utloggad på alla enheter.",
        "Kan någon annan ha ditt lösenord? Byt det när du har loggat in.",
    ),
    "email_undone": Notice(
        "Adressen hör inte längre till kontot",
        "Bytet av e-postadress ångrades {at}. Det går inte längre att logga in med den här "
        "adressen.",
    ),
    "email_changed": Notice(
        "Din e-postadress är ändrad",
        "E-postadressen på ditt konto ändrades {at}.",
        "Från och med nu loggar du in med den här adressen.",
    ),
}

"""The words of the mails about one's access to a customer account: one template for all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AccessMail:
    """Its subject, what happened, what the reader may want to know, and where the button leads.

    Sentences may name `{account}`, and whatever else the mail was written with.
    """

    subject: str
    happened: str
    more: str = ""
    button: str = ""
    route: str = "customer_account"


ACCESS_MAILS = {
    "access_approved": AccessMail(
        "Du har åtkomst till {account}",
        "Du är godkänd. Nu når du {account} på MinaSidor.",
        button="Gå till kundkontot",
    ),
    "access_denied": AccessMail(
        "Du fick inte åtkomst till {account}",
        "En administratör har nekat dig åtkomst till {account} på MinaSidor.",
        "Är det ett misstag? Prata med er administratör. Ditt användarkonto är kvar.",
    ),
    "access_removed": AccessMail(
        "Din åtkomst till {account} är borttagen",
        "En administratör har tagit bort din åtkomst till {account} på MinaSidor.",
        "Är det ett misstag? Prata med er administratör. Ditt användarkonto är kvar.",
    ),
    "made_administrator": AccessMail(
        "Du är administratör för {account}",
        "Du har blivit administratör för {account} på MinaSidor.",
        "Det betyder att du kan bjuda in, godkänna och ta bort användare.",
        button="Visa användarna",
        route="members",
    ),
    "no_longer_administrator": AccessMail(
        "Du är inte längre administratör för {account}",
        "En administratör har ändrat din roll för {account} på MinaSidor.",
        "Du når kundkontot som förut, men kan inte längre bjuda in, godkänna och ta bort "
        "användare.",
    ),
    "invitation_declined": AccessMail(
        "{person_email} har tackat nej till din inbjudan",
        "Inbjudan till {account} på MinaSidor besvarades med nej.",
    ),
    "invitation_accepted": AccessMail(
        "{person_name} har tackat ja till din inbjudan",
        "{person_name} ({person_email}) har nu åtkomst till {account} på MinaSidor.",
        button="Visa användarna",
        route="members",
    ),
}

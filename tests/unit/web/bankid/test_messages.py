"""The sentence for every code, word for word as BankID recommends it."""

from __future__ import annotations

import pytest

from models.bankid_flow import RISK_BLOCKED, Intent
from web.bankid.messages import message

# status, hint code, text; where it is the same for every device
EVERYWHERE = [
    ("pending", "noClient", "Starta BankID-appen."),
    (
        "pending",
        "userSign",
        "Skriv in din säkerhetskod i BankID-appen och välj Identifiera eller Skriv under.",
    ),
    ("pending", "userMrtd", "Fotografera och läs av din ID-handling med BankID-appen."),
    ("pending", "userFace", "Gör en ansiktsigenkänning i BankID-appen."),
    ("pending", "userStepUp", "Välj hur du vill bekräfta din identitet i BankID-appen."),
    ("pending", "userCallConfirm", "En identifiering eller underskrift pågår."),
    ("pending", "processing", "En identifiering eller underskrift pågår."),
    ("pending", "somethingNew", "En identifiering eller underskrift pågår."),
    ("pending", "", "En identifiering eller underskrift pågår."),
    (
        "failed",
        "expiredTransaction",
        "BankID-appen svarar inte. Kontrollera att den är startad och att du har"
        " internetanslutning. Försök sedan igen.",
    ),
    (
        "failed",
        "certificateErr",
        "Ditt BankID är för gammalt eller spärrat."
        " Använd ett annat BankID eller skaffa ett nytt hos din bank.",
    ),
    ("failed", "userCancel", "Åtgärden avbröts."),
    ("failed", "cancelled", "Åtgärden avbröts. Försök igen."),
    ("failed", "userDeclinedCall", "Åtgärden avbröts."),
    (
        "failed",
        "notSupportedByUserApp",
        "Din BankID-app behöver uppdateras. Uppdatera den och försök igen.",
    ),
    (
        "failed",
        "transactionRiskBlocked",
        "Inloggningen stoppades av säkerhetsskäl."
        " Prova att logga in med e-post eller kontakta kundservice.",
    ),
    (
        "failed",
        "mrtdVerificationFailed",
        "Kontrollen av din ID-handling misslyckades. Försök igen.",
    ),
    ("failed", "facialRecognitionFailed", "Ansiktsigenkänningen misslyckades. Försök igen."),
    (
        "failed",
        "nfcNotSupportedByDevice",
        "Din enhet saknar den läsare som behövs för att kontrollera ID-handlingar.",
    ),
    (
        "failed",
        "multipleBankIdsOnDevice",
        "Du har flera BankID på din enhet. Du behöver radera alla utom ett BankID för att kunna"
        " slutföra identifieringen. Det gör du under Meny - Inställningar i din BankID-app.",
    ),
    ("failed", "stepUpFailed", "Bekräftelsen av din identitet misslyckades. Försök igen."),
    ("failed", "somethingNew", "Något gick fel. Försök igen."),
    ("failed", "", "Något gick fel. Försök igen."),
    (
        "error",
        "alreadyInProgress",
        "En identifiering eller underskrift pågår redan för ditt personnummer. Försök igen.",
    ),
    ("error", "invalidParameters", "Något gick fel. Försök igen."),
    *(
        ("error", code, "BankID går inte att använda just nu. Logga in med E-post i stället.")
        for code in (
            *("network", "timeout", "badResponse", "maintenance", "requestTimeout"),
            *("tooManyRequests", "internalError", "unauthorized", "notFound"),
            *("methodNotAllowed", "unsupportedMediaType", "somethingNew"),
        )
    ),
    ("complete", "", ""),
]


@pytest.mark.parametrize("same_device", [True, False])
@pytest.mark.parametrize("mobile", [True, False])
@pytest.mark.parametrize(("status", "hint", "text"), EVERYWHERE)
def test_says_what_bankid_recommends(
    status: str, hint: str, text: str, same_device: bool, mobile: bool
) -> None:
    assert message(status, hint, same_device=same_device, mobile=mobile) == text


STARTING = "Försöker starta BankID-appen."
SCAN = "Starta BankID-appen och tryck på QR-ikonen. Skanna sedan QR-koden nedan."
THIS_COMPUTER = (
    "Söker efter BankID. Säkerställ att du har ett giltigt BankID på den här datorn."
    " Om du har ett BankID på kort, sätt in kortet i kortläsaren."
)
THIS_DEVICE = "Söker efter BankID. Säkerställ att du har ett giltigt BankID på den här enheten."
NO_APP = (
    "Du verkar inte ha BankID-appen/programmet. Installera den och skaffa ett BankID hos din bank."
)
NOT_SCANNED = "Misslyckades att läsa av QR-koden. Starta BankID-appen och läs av QR-koden."


@pytest.mark.parametrize(
    ("status", "hint", "same_device", "mobile", "text"),
    [
        ("pending", "outstandingTransaction", True, True, STARTING),
        ("pending", "outstandingTransaction", True, False, STARTING),
        ("pending", "outstandingTransaction", False, True, SCAN),
        ("pending", "outstandingTransaction", False, False, SCAN),
        ("pending", "started", True, False, THIS_COMPUTER),
        ("pending", "started", True, True, THIS_DEVICE),
        ("pending", "started", False, False, THIS_DEVICE),
        ("pending", "started", False, True, THIS_DEVICE),
        ("failed", "startFailed", True, True, NO_APP),
        ("failed", "startFailed", True, False, NO_APP),
        ("failed", "startFailed", False, True, NOT_SCANNED),
        ("failed", "startFailed", False, False, NOT_SCANNED),
    ],
)
def test_says_what_fits_the_device(
    status: str, hint: str, same_device: bool, mobile: bool, text: str
) -> None:
    assert message(status, hint, same_device=same_device, mobile=mobile) == text


@pytest.mark.parametrize("intent", Intent)
@pytest.mark.parametrize(("status", "hint"), [("error", "network"), ("failed", RISK_BLOCKED)])
def test_what_to_do_instead_is_something_that_one_can_do(
    intent: Intent, status: str, hint: str
) -> None:
    said = message(status, hint, same_device=False, mobile=False, intent=intent)
    by_email = {Intent.LOGIN: "logga in med e-post", Intent.REGISTRATION: "registrera dig med e-"}
    assert [words for words in by_email.values() if words in said.lower()] == [
        words for own, words in by_email.items() if own is intent
    ]

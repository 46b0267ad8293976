"""What is said about an order: BankID's recommended texts (RFA1 to RFA30), and a few of ours.

Source: BankID's user messages, RP API 6.0. Where a text differs from theirs, a comment says so.
"""

from __future__ import annotations

from models.bankid_flow import RISK_BLOCKED, Intent

# BankID's own number of the text stands in the name.
RFA1 = "Starta BankID-appen."
# With the steps of BankID's own sample code: that alone tells nobody what to do with the QR code.
RFA1_QR = "Starta BankID-appen och tryck på QR-ikonen. Skanna sedan QR-koden nedan."
RFA3 = "Åtgärden avbröts. Försök igen."
RFA4 = "En identifiering eller underskrift pågår redan för ditt personnummer. Försök igen."
RFA6 = "Åtgärden avbröts."
RFA8 = (
    "BankID-appen svarar inte. Kontrollera att den är startad och att du har internetanslutning. "
    "Försök sedan igen."
)
RFA9 = "Skriv in din säkerhetskod i BankID-appen och välj Identifiera eller Skriv under."
RFA13 = "Försöker starta BankID-appen."
RFA15A = (
    "Söker efter BankID. Säkerställ att du har ett giltigt BankID på den här datorn. "
    "Om du har ett BankID på kort, sätt in kortet i kortläsaren."
)
# BankID's own text has a misprint in "giltigt".
RFA15B = "Söker efter BankID. Säkerställ att du har ett giltigt BankID på den här enheten."
RFA16 = (
    "Ditt BankID är för gammalt eller spärrat. "
    "Använd ett annat BankID eller skaffa ett nytt hos din bank."
)
RFA17A = (
    "Du verkar inte ha BankID-appen/programmet. Installera den och skaffa ett BankID hos din bank."
)
RFA17B = "Misslyckades att läsa av QR-koden. Starta BankID-appen och läs av QR-koden."
RFA21 = "En identifiering eller underskrift pågår."
RFA22 = "Något gick fel. Försök igen."
RFA23 = "Fotografera och läs av din ID-handling med BankID-appen."
RFA24 = "Gör en ansiktsigenkänning i BankID-appen."
RFA25 = "Välj hur du vill bekräfta din identitet i BankID-appen."
RFA26 = "Kontrollen av din ID-handling misslyckades. Försök igen."
RFA27 = "Ansiktsigenkänningen misslyckades. Försök igen."
RFA28 = "Din enhet saknar den läsare som behövs för att kontrollera ID-handlingar."
RFA29 = (
    "Du har flera BankID på din enhet. Du behöver radera alla utom ett BankID för att kunna "
    "slutföra identifieringen. Det gör du under Meny - Inställningar i din BankID-app."
)
RFA30 = "Bekräftelsen av din identitet misslyckades. Försök igen."

# Ours: BankID recommends none.
UPDATE_APP = "Din BankID-app behöver uppdateras. Uppdatera den och försök igen."
BLOCKED = {
    Intent.LOGIN: "Inloggningen stoppades av säkerhetsskäl. "
    "Prova att logga in med e-post eller kontakta kundservice.",
    Intent.REGISTRATION: "Identifieringen stoppades av säkerhetsskäl. "
    "Prova att registrera dig med e-post eller kontakta kundservice.",
    Intent.LINK: "Identifieringen stoppades av säkerhetsskäl. Kontakta kundservice.",
    Intent.CONFIRM: "Identifieringen stoppades av säkerhetsskäl. Kontakta kundservice.",
}
OUTAGE = {
    Intent.LOGIN: "BankID går inte att använda just nu. Logga in med E-post i stället.",
    Intent.REGISTRATION: "BankID går inte att använda just nu. "
    "Registrera dig med E-post i stället.",
    Intent.LINK: "BankID går inte att använda just nu. Försök igen om en stund.",
    Intent.CONFIRM: "BankID går inte att använda just nu. Försök igen om en stund.",
}

_PENDING = {
    "noClient": RFA1,
    "userSign": RFA9,
    "userMrtd": RFA23,
    "userFace": RFA24,
    "userStepUp": RFA25,
    "userCallConfirm": RFA21,
    "processing": RFA21,
}
_FAILED = {
    "expiredTransaction": RFA8,
    "certificateErr": RFA16,
    "userCancel": RFA6,
    "cancelled": RFA3,
    "userDeclinedCall": RFA6,
    "notSupportedByUserApp": UPDATE_APP,
    "mrtdVerificationFailed": RFA26,
    "facialRecognitionFailed": RFA27,
    "nfcNotSupportedByDevice": RFA28,
    "multipleBankIdsOnDevice": RFA29,
    "stepUpFailed": RFA30,
}
_ERRORS = {"alreadyInProgress": RFA4, "invalidParameters": RFA22}


def message(
    status: str, hint: str, *, same_device: bool, mobile: bool, intent: Intent = Intent.LOGIN
) -> str:
    """What to say now: `status` and `hint` as collect gives them, or "error" and an error's code.

    `same_device`: the app is to be on the device with the browser, so no QR code is shown;
    `mobile`: that device is a phone or a tablet; `intent`: which decides what can be done without
    BankID. Codes that BankID adds one day get its texts for unknown ones (RFA21, RFA22). An order
    that is complete needs no words: "".
    """
    if status == "complete":
        return ""
    if status == "error":
        return _ERRORS.get(hint, OUTAGE[intent])
    if status != "pending":
        if hint == "startFailed":
            return RFA17A if same_device else RFA17B
        if hint == RISK_BLOCKED:
            return BLOCKED[intent]
        return _FAILED.get(hint, RFA22)
    if hint == "outstandingTransaction":
        return RFA13 if same_device else RFA1_QR
    if hint == "started":
        return RFA15A if same_device and not mobile else RFA15B
    return _PENDING.get(hint, RFA21)

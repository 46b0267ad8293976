"""What is refused: to the relying party as BankID's API does it, and to whoever holds the phone."""

from __future__ import annotations

# Why the phone refuses -> what its screen says.
SENTENCES = {
    "unknown_order": "Det finns ingen sådan begäran. Den kan ha hunnit ta slut.",
    "nothing_to_scan": "Ingen QR-kod visas just nu.",
    "not_a_qr_code": "Texten är ingen QR-kod från BankID.",
    "tampered": "QR-koden är ändrad: kontrollkoden stämmer inte.",
    "stale": "QR-koden är för gammal. Skanna den som visas nu.",
    "already_started": "Begäran är redan öppnad i en app.",
    "not_started": "Begäran är inte öppnad i appen än.",
    "no_person": "Välj först vem som legitimerar sig.",
    "ended": "Begäran är redan avslutad.",
    "unknown_person": "Välj en person ur listan.",
    "bad_name": "Ange förnamn och efternamn.",
    "bad_number": "Ange tolv siffror, med en sista siffra som stämmer.",
    "bad_hint": "Välj ett av svaren i listan.",
    "bad_action": "Välj vad som ska göras.",
    "bad_risk": "Välj en risk ur listan.",
    "bad_address": "Ange en IP-adress, till exempel 198.51.100.4.",
    "bad_fault": "Välj ett anrop och ett fel ur listan.",
    "bad_step": "Ange hur många sekunder klockan ska gå framåt.",
}


class ApiError(Exception):
    """Answered to the relying party: an HTTP status, BankID's errorCode, and details in English."""

    def __init__(self, status: int, code: str, details: str) -> None:
        super().__init__(details)
        self.status, self.code, self.details = status, code, details


class InvalidParameters(ApiError):
    """The relying party's own mistake, or an order that does not exist any more."""

    def __init__(self, details: str) -> None:
        super().__init__(400, "invalidParameters", details)


class Refused(Exception):
    """The phone cannot do that; `reason` is one of SENTENCES."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def sentence(self) -> str:
        """Why, in Swedish."""
        return SENTENCES[self.reason]

"""The claim's form: kundnummer and the four digits, the same wherever it is made."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from models import CustomerAccount, Membership, Switch, User, numbers
from models.claim import prove
from models.client import Client
from models.membership import AccountClosed
from web.forms import Form, secret, text

NO_MATCH = (
    "Uppgifterna stämmer inte överens. Kontrollera kundnumret och de fyra siffrorna, "
    "eller ring oss."
)


@dataclass
class ClaimForm(Form):
    customer_number: str = text(40)
    organisation_suffix: str = secret(40)

    def validate(self) -> None:
        if not self.customer_number:
            self.errors["customer_number"] = "Ange ditt kundnummer."
        elif numbers.customer_number(self.customer_number) is None:
            self.errors["customer_number"] = "Kundnumret ska bara innehålla siffror."
        if numbers.organisation_suffix(self.organisation_suffix) is None:
            self.errors["organisation_suffix"] = (
                "Ange de fyra sista siffrorna i organisationsnumret."
            )

    @property
    def numbers(self) -> tuple[str, str]:
        """Both in the form they are kept in. Only of a valid form."""
        return (
            numbers.customer_number(self.customer_number) or "",
            numbers.organisation_suffix(self.organisation_suffix) or "",
        )

    def refuse(self) -> None:
        self.error = NO_MATCH

    def forget_suffix(self) -> None:
        """The four digits are never refilled: they may be part of a personal number."""
        self.organisation_suffix = ""


async def is_open() -> bool:
    """Whether claims are taken; an operator can close them."""
    return await Switch.is_open(Switch.CLAIMS)


async def add(
    form: ClaimForm, user_id: int, client: Client
) -> tuple[CustomerAccount, Membership] | None:
    """What a valid form comes to for a user who exists; None, and the form says so, if nothing."""
    if account := await prove(*form.numbers, client):
        with suppress(AccountClosed):  # in the moment since the claim
            return account, await Membership.admit(await User.get(id=user_id), account)
    form.refuse()
    return None

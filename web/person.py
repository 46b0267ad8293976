"""A person's name and number, wherever they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from web.forms import Form, text


@dataclass
class PersonForm(Form):
    given_name: str = text(80)
    family_name: str = text(80)
    phone: str = text(20)

    def validate(self) -> None:
        if not self.given_name:
            self.errors["given_name"] = "Ange ditt förnamn."
        if not self.family_name:
            self.errors["family_name"] = "Ange ditt efternamn."
        for name in ("given_name", "family_name"):
            # Names go into mails to others: no bait for somebody to click on.
            if re.search(r"[/:@<>]|=\?|www\.", self[name], re.IGNORECASE):
                self.errors[name] = "Skriv bara ditt namn."
        if self.phone and not re.fullmatch(r"\+?[0-9 ()\-]{6,20}", self.phone):
            self.errors["phone"] = "Skriv mobilnumret med siffror, till exempel 070-174 06 05."

"""A customer's phone with BankID's app: it looks at the screen, and answers as its owner does.

What it answers goes to the simulated BankID of the tests' portal.
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests import qr
from tests.e2e.people import Citizen
from tests.e2e.visitor import Visitor

_LOOKS = 40  # pictures of the screen until one holds a whole code; one is swapped each second


class Phone:
    def __init__(self, visitor: Visitor, owner: Citizen) -> None:
        self.owner = owner
        self._visitor = visitor
        self._order = ""
        visitor.watch.secrets.add(owner.personal_number)

    def read(self, page: Page | None = None) -> str:
        """The text of the QR code that is seen on the screen right now."""
        for _ in range(_LOOKS):
            # Hiding the caret would leave style="" behind, which the policy reports.
            picture = (page or self._visitor.page).screenshot(full_page=True, caret="initial")
            found = qr.texts(picture)
            if found:
                assert len(found) == 1, f"{len(found)} QR codes on the screen"
                return found.pop()
        raise AssertionError("no QR code on the screen")

    def scan(self, page: Page | None = None) -> None:
        """Hold the phone to the screen; the app then asks its owner."""
        self._order = self._tell("scan", content=self.read(page))["orderRef"]

    def use_app(self, page: Page) -> None:
        """The app on the device itself, which a page of the simulator's plays: its owner says yes.

        Whoever it is, is chosen in the app.
        """
        page.get_by_label("Vem").select_option("annan")
        if not page.get_by_label("Namn").is_visible():
            page.get_by_text("Någon annan", exact=True).last.click()
        page.get_by_label("Namn").fill(self.owner.name)
        page.get_by_label("Personnummer, tolv siffror").fill(self.owner.personal_number)
        page.get_by_role("button", name="Legitimera", exact=True).click()
        expect(page.get_by_text("har legitimerat sig.")).to_be_visible()

    def type_security_code(self) -> None:
        """Half of it: the app knows who it is."""
        self._answer("choose")

    def identify(self) -> None:
        """The owner says yes."""
        self._answer("choose")
        self._answer("confirm")

    def confirm(self) -> None:
        self._answer("confirm")

    def refuse(self, hint: str = "userCancel") -> None:
        _ = self._tell(f"orders/{self._order}/fail", hint=hint)

    def leaves_bankid_failing(self, endpoint: str, **fault: Any) -> None:
        """The next call of the portal to BankID fails so; as `faults.Fault.read` takes it."""
        _ = self._tell("faults", endpoint=endpoint, **fault)

    def waits(self, seconds: int) -> None:
        """BankID's clock goes on."""
        _ = self._tell("clock", seconds=seconds)

    def _answer(self, action: str) -> None:
        owner = self.owner
        _ = self._tell(
            f"orders/{self._order}/{action}",
            person="annan",
            name=owner.name,
            personalNumber=owner.personal_number,
        )

    def _tell(self, what: str, **body: Any) -> dict[str, Any]:
        base = self._visitor.base_url
        answer = self._visitor.context.request.post(
            f"{base}/_bankid/api/{what}",
            data=body,
            headers={"Origin": base},
            max_retries=1,  # the server ends a connection after five quiet seconds, maybe just now
        )
        told: dict[str, Any] = answer.json()
        assert answer.ok, told
        return told

"""Vilka har åtkomst?: the list, taking access away, and what happens when the list has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import CustomerAccount, Event, Invitation, Membership, OutgoingMail, Role, User
from models.access import Actor
from tests.unit.conftest import PASSWORD, Clock, Outbox, Visitor, a_user, an_account, plain
from tests.unit.page import Page
from web.jobs.reminders import ReminderWorker

pytestmark = pytest.mark.anyio
REVIEW = "/kund/100200/oversyn"
DONE = "Genomgången är klar. Alla behåller sin åtkomst."
REMOVED = "Genomgången är klar. De som du markerade är borttagna."


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(email_confirmed_at=time.now())
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def bo(anna: User, account: CustomerAccount) -> User:
    user = await a_user("bo@example.com", given_name="Bo", family_name="Ek")
    _ = await Membership.admit(user, account)
    return user


@pytest.fixture
async def page(visitor: Visitor, bo: User) -> Page:
    """The page, open at Anna's."""
    await visitor.log_in()
    return await visitor.visit(REVIEW)


def hidden(page: Page) -> dict[str, str]:
    return {name: page.value(name) or "" for name in ("version", "made_for")}


def listed(page: Page) -> list[str]:
    return page.texts("section[@aria-labelledby='members']//li")


def choices(page: Page) -> list[str]:
    return [str(box.get("name")) for box in page.tree.findall(".//input[@type='checkbox']")]


async def test_everybody_with_access_is_listed(
    visitor: Visitor, account: CustomerAccount, bo: User, anna: User, time: Clock
) -> None:
    _ = await Invitation.send(account, "dan@example.com", Role.ADMINISTRATOR, Actor(anna.id))
    await visitor.log_in()
    page = await visitor.visit(REVIEW)

    assert page.title == "Vilka har åtkomst? – Exempelbygg AB – MinaSidor"
    first, second = listed(page)
    assert first == (
        "Anna Andersson Du anna@example.com Administratör, tillagd 2 mars 2026."
        " Loggade in senast 2 mars 2026."
    )
    assert second == (
        "Bo Ek bo@example.com Användare, tillagd 2 mars 2026. Har aldrig loggat in. Ta bort Bo Ek"
    )
    (invited,) = page.texts("section[@aria-labelledby='invitations']//li")
    assert invited.startswith("dan@example.com Inbjuden som administratör 2 mars 2026.")
    (membership,) = await Membership.filter(user_id=bo.id)
    (invitation,) = await Invitation.all()
    assert choices(page) == [f"user-{membership.id}", f"invitation-{invitation.id}"]
    assert "Listan är inte genomgången än." in page.text


async def test_all_are_confirmed_with_one_button(visitor: Visitor, page: Page) -> None:
    page = await visitor.submit(REVIEW, **hidden(page))

    assert (page.path, page.status) == (REVIEW, 200)
    assert DONE in page.response.text
    assert "Senast genomgången 2 mars 2026." in page.text
    assert len(listed(page)) == 2
    assert await Event.filter(kind="review.confirmed").count() == 1


async def test_who_is_chosen_loses_access_at_their_next_click(
    visitor: Visitor, page: Page, new_visitor: Callable[[], Visitor], anna: User, bo: User
) -> None:
    account = await CustomerAccount.get()
    _ = await Invitation.send(account, "dan@example.com", Role.MEMBER, Actor(anna.id))
    elsewhere = new_visitor()
    await elsewhere.log_in("bo@example.com")
    page = await visitor.visit(REVIEW)

    page = await visitor.submit(REVIEW, **hidden(page), **dict.fromkeys(choices(page), "on"))

    assert REMOVED in page.response.text
    assert (len(listed(page)), choices(page)) == (1, [])
    assert not await Invitation.exists()
    assert (await elsewhere.visit("/kund/100200")).status == 403


async def test_a_changed_list_is_shown_anew_and_nothing_is_done(
    visitor: Visitor, page: Page, account: CustomerAccount, bo: User
) -> None:
    chosen = dict.fromkeys(choices(page), "on")
    cecilia = await a_user("cecilia@example.com", given_name="Cecilia", family_name="Öhrn")
    _ = await Membership.admit(cecilia, account)

    page = await visitor.submit(REVIEW, **hidden(page), **chosen)

    assert page.status == 422
    assert "Listan har ändrats sedan du öppnade sidan. Ingen är borttagen." in page.alert
    assert "Cecilia Öhrn" in page.text
    assert page.title.startswith("Fel: ")
    (name,) = chosen
    assert page.field(name).get("checked") is not None, "what was chosen still is"
    assert await Membership.exists(user_id=bo.id)
    assert not await Event.exists(kind="review.confirmed")

    page = await visitor.submit(REVIEW, **hidden(page), **chosen)
    assert REMOVED in page.response.text
    assert not await Membership.exists(user_id=bo.id)


@pytest.mark.parametrize("version", ["", "0" * 64, "x" * 65, "x\x00"])
async def test_a_made_up_version_is_a_changed_list(
    visitor: Visitor, page: Page, version: str
) -> None:
    page = await visitor.submit(REVIEW, **{**hidden(page), "version": version})
    assert page.status == 422
    assert page.alert
    assert not await Event.exists(kind="review.confirmed")


@pytest.mark.parametrize(
    "name", ["user-", "user-x", "user-999999999", "user-9999999999", "user-٣", "invitation--1"]
)
async def test_what_names_nobody_ends_nothing(visitor: Visitor, page: Page, name: str) -> None:
    page = await visitor.submit(REVIEW, **hidden(page), **{name: "on"})
    assert DONE in page.response.text
    assert await Membership.all().count() == 2


async def test_nobody_of_another_account_and_not_oneself(
    visitor: Visitor, page: Page, anna: User
) -> None:
    other = await an_account("100300", name="Norrsken AB")
    nora = await a_user("nora@example.com")
    _ = await Membership.admit(nora, other)
    invited = await Invitation.send(other, "dan@example.com", Role.MEMBER, Actor(nora.id))
    ids = await Membership.filter(user_id__in=[anna.id, nora.id]).values_list("id", flat=True)
    chosen = {f"user-{one}": "on" for one in ids} | {f"invitation-{invited.id}": "on"}

    page = await visitor.submit(REVIEW, **hidden(page), **chosen)

    assert DONE in page.response.text
    assert await Membership.all().count() == 3
    assert await Invitation.exists(id=invited.id)


async def test_the_password_is_asked_for_again_and_the_choices_come_back(
    visitor: Visitor, page: Page, bo: User, time: Clock
) -> None:
    time.forward(minutes=11)
    chosen = dict.fromkeys(choices(page), "on")

    asked = await visitor.submit(REVIEW, **hidden(page), **chosen)
    assert asked.path == "/bekrafta-dig"
    assert await Membership.exists(user_id=bo.id)
    carried = asked.value("next") or ""
    page = await visitor.submit("/bekrafta-dig", next=carried, password=PASSWORD)

    assert page.path == REVIEW
    (name,) = chosen
    assert page.field(name).get("checked") is not None
    page = await visitor.submit(REVIEW, **hidden(page), **chosen)
    assert REMOVED in page.response.text


async def test_only_administrators_review(visitor: Visitor, bo: User) -> None:
    await visitor.log_in("bo@example.com")
    assert (await visitor.get(REVIEW)).status_code == 403
    assert (await visitor.post(REVIEW)).status_code == 403


async def test_a_form_of_another_customer_is_refused(
    visitor: Visitor, page: Page, anna: User
) -> None:
    _ = await Membership.admit(anna, await an_account("100300", name="Norrsken AB"))
    page = await visitor.submit("/kund/100300/oversyn", **hidden(page))
    assert page.status == 409
    assert not await Event.exists(kind="review.confirmed")


async def test_the_mail_leads_to_the_page(
    visitor: Visitor, page: Page, outbox: Outbox, time: Clock
) -> None:
    time.forward(days=365)
    await OutgoingMail.all().delete()

    assert await ReminderWorker().work()
    assert not await ReminderWorker().work()

    (message,) = await outbox.to("anna@example.com")
    assert message["Subject"] == "Vilka har åtkomst till Exempelbygg AB?"
    assert "2 personer har åtkomst till kundkontot." in plain(message)
    assert await outbox.link("anna@example.com") == REVIEW


async def test_the_page_is_linked_where_the_users_and_the_events_are(
    visitor: Visitor, page: Page
) -> None:
    for path in ("/kund/100200/anvandare", "/kund/100200/handelser"):
        assert (await visitor.visit(path)).links["Genomgång"] == REVIEW
    assert page.links["Händelser"] == "/kund/100200/handelser"
    assert page.texts("a[@aria-current='page']") == ["Genomgång"]

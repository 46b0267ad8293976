"""Användare: the list, answers to those who wait, roles, removal, rules, and leaving."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    Event,
    Membership,
    OutgoingMail,
    Role,
    Status,
    TwoFactor,
    User,
    access,
    clock,
)
from models.access import Actor, NotAdministrator
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, an_account, code
from tests.unit.page import Page
from web.made_for import made_for
from web.members import ANSWERED, LAST, MEANWHILE

pytestmark = pytest.mark.anyio
CUSTOMER = "/kund/100200"
USERS, ANSWER, RULES = (
    f"{CUSTOMER}/anvandare",
    f"{CUSTOMER}/anvandare/svar",
    f"{CUSTOMER}/anvandare/regler",
)
LEAVE = f"{CUSTOMER}/lamna"
OPERATOR = Actor(operator="test")


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock, visitor: Visitor) -> Membership:
    """The administrator, who is logged in."""
    membership = await Membership.admit(await a_user(email_confirmed_at=clock.now()), account)
    await visitor.log_in()
    return membership


@pytest.fixture
async def bo(account: CustomerAccount, anna: Membership) -> Membership:
    user = await a_user("bo@example.com", given_name="Bo", family_name="Ek")
    return await Membership.admit(user, account)


@pytest.fixture
async def cecilia(account: CustomerAccount, anna: Membership) -> Membership:
    """Waits to be let in."""
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    user = await a_user("cecilia@example.com", given_name="Cecilia", family_name="Ek")
    return await Membership.admit(user, account)


def one(membership: Membership) -> str:
    return f"{USERS}/{membership.id}"


def rows(page: Page, section: str = "users") -> list[str]:
    return page.texts(f"section[@aria-labelledby='{section}']//li")


def shown(page: Page) -> str:
    """What the page says once, on top."""
    return page.texts("div[@class='notice notice--success']")[0]


# The list


async def test_administrators_find_it_in_the_menu_and_on_the_customer_page(
    visitor: Visitor, new_visitor: Callable[[], Visitor], bo: Membership, cecilia: Membership
) -> None:
    page = await visitor.visit(CUSTOMER)
    assert page.links["Användare"] == page.links["Visa användarna"] == USERS
    assert "2 personer har åtkomst till kundkontot. 1 av dem är administratör." in page.text
    assert "1 väntar på godkännande" in page.text

    other = new_visitor()
    page = await other.log_in("bo@example.com")
    assert USERS not in page.links.values()
    assert (await other.visit(USERS)).status == 403


async def test_it_tells_role_last_login_and_two_factor_of_each(
    visitor: Visitor, bo: Membership, cecilia: Membership, time: Clock
) -> None:
    await User.filter(id=bo.user_id).update(two_factor=TwoFactor.ON)
    page = await visitor.visit(USERS)

    assert (page.heading, page.title) == ("Användare", "Användare – Exempelbygg AB – MinaSidor")
    annas, bos = rows(page)
    assert annas.startswith("Anna Andersson Du Administratör anna@example.com")
    assert "Senast inloggad 2 mars 2026. Tvåfaktor: Av" in annas
    assert bos.startswith("Bo Ek bo@example.com Inte bekräftad Aldrig inloggad. Tvåfaktor: På")
    assert page.links["Ändra Bo Ek"] == one(bo)
    (waiting,) = rows(page, "waiting")
    assert waiting.startswith("Cecilia Ek cecilia@example.com Adressen är inte bekräftad")
    assert "Väntar sedan 2 mars 2026 kl. 10.00." in waiting
    assert page.buttons.count("Godkänn Cecilia Ek") == page.buttons.count("Neka Cecilia Ek") == 1


async def test_a_search_goes_through_all_three_lists(
    visitor: Visitor, bo: Membership, cecilia: Membership
) -> None:
    page = await visitor.visit(f"{USERS}?q=EK")
    assert [row.split(" bo@")[0] for row in rows(page)] == ["Bo Ek"]
    assert len(rows(page, "waiting")) == 1
    assert page.value("q") == "EK"

    page = await visitor.visit(f"{USERS}?q=cecilia")
    assert rows(page) == []
    assert "Inga användare matchar ”cecilia”" in page.text
    assert len(rows(page, "waiting")) == 1
    assert page.links["Visa alla användare"] == USERS

    page = await visitor.visit(f"{USERS}?q={'x' * 101}")
    assert (page.status, "Skriv högst 100 tecken." in page.alert) == (422, True)
    assert len(rows(page)) == 2


async def test_five_hundred_users_are_listed_25_a_page(
    visitor: Visitor, account: CustomerAccount, anna: Membership
) -> None:
    now, user = clock.now(), await User.get(id=anna.user_id)
    password_hash = user.password_hash
    users = [
        User(
            email=f"user{n}@example.com",
            email_key=f"user{n}@example.com",
            given_name="Åsa",
            family_name=f"Nummer {n:03}",
            password_hash=password_hash,
            password_changed_at=now,
            created_at=now,
        )
        for n in range(500)
    ]
    await User.bulk_create(users)
    await Membership.bulk_create(
        [
            Membership(
                user_id=user.id,
                customer_account_id=account.id,
                role=Role.MEMBER,
                created_at=now,
            )
            for user in await User.exclude(id=anna.user_id)
        ]
    )
    page = await visitor.visit(USERS)
    assert "501 personer har åtkomst" in page.text
    assert "Visar 1–25 av 501." in page.text
    assert len(rows(page)) == 25
    assert len(page.response.content) < 60_000
    assert "Föregående" not in page.links

    page = await visitor.visit(page.links["Nästa"])
    assert rows(page)[0].startswith("Åsa Nummer 024")
    assert page.links["Föregående"] == f"{USERS}?sida=1"
    page = await visitor.visit(f"{USERS}?sida=21&q=")
    assert len(rows(page)) == 1
    assert "Nästa" not in page.links
    page = await visitor.visit(f"{USERS}?q=%C3%A5sa+nummer&sida=2")
    assert page.links["Nästa"] == f"{USERS}?q=%C3%A5sa+nummer&sida=3"
    page = await visitor.visit(f"{USERS}?sida=99")
    assert (rows(page), page.links["Föregående"]) == ([], f"{USERS}?sida=21")
    page = await visitor.visit(CUSTOMER)
    assert "501 personer har åtkomst till kundkontot." in page.text
    assert "user42@example.com" not in page.response.text


@pytest.mark.parametrize("number", ["0", "-1", "x", "100001", "٣", "9" * 30, ""])
async def test_what_is_no_page_is_not_found(
    visitor: Visitor, anna: Membership, number: str
) -> None:
    assert (await visitor.get(f"{USERS}?sida={number}")).status_code == 404


# Väntar på godkännande


async def test_who_waits_is_let_in_by_one_click(
    visitor: Visitor, new_visitor: Callable[[], Visitor], cecilia: Membership
) -> None:
    waiting = new_visitor()
    page = await waiting.log_in("cecilia@example.com")
    assert page.heading == "Väntar på godkännande"

    page = await visitor.submit(ANSWER, approve=str(cecilia.id))

    assert shown(page) == "Cecilia Ek är godkänd och har nu åtkomst."
    assert (page.path, rows(page, "waiting")) == (USERS, [])
    assert (await waiting.visit(CUSTOMER)).heading == "Exempelbygg AB"


async def test_who_waits_is_turned_down_by_one_click(
    visitor: Visitor, new_visitor: Callable[[], Visitor], cecilia: Membership
) -> None:
    waiting = new_visitor()
    await waiting.log_in("cecilia@example.com")

    page = await visitor.submit(ANSWER, deny=str(cecilia.id))

    assert shown(page) == "Cecilia Ek får inte åtkomst."
    assert (await waiting.visit(CUSTOMER)).heading == "Du har inte åtkomst"


async def test_an_answer_that_comes_second_says_so(visitor: Visitor, cecilia: Membership) -> None:
    assert await access.approve(cecilia, OPERATOR)
    for button in ("approve", "deny"):
        page = await visitor.submit(ANSWER, **{button: str(cecilia.id)})
        assert shown(page) == "Cecilia Ek har redan godkänts av en annan administratör."
    assert await Membership.exists(id=cecilia.id, status=Status.ACTIVE)

    await access.remove(cecilia, OPERATOR)
    page = await visitor.submit(ANSWER, approve=str(cecilia.id))
    assert shown(page) == ANSWERED


async def test_nobody_of_another_account_is_answered(visitor: Visitor, anna: Membership) -> None:
    other = await an_account("100900", "4435027711")
    _ = await Membership.admit(await a_user("sten@example.com"), other)
    await CustomerAccount.filter(id=other.id).update(claim_policy=ClaimPolicy.APPROVE)
    theirs = await Membership.admit(await a_user("stina@example.com"), other)

    for number in (str(theirs.id), "999999", "", "x", "9" * 30, "٣"):
        page = await visitor.submit(ANSWER, approve=number)
        assert shown(page) == ANSWERED
    assert await Membership.exists(id=theirs.id, status=Status.AWAITING_APPROVAL)


# One user


async def test_a_user_is_made_administrator_and_unmade(visitor: Visitor, bo: Membership) -> None:
    page = await visitor.visit(one(bo))
    assert (page.heading, page.title) == ("Bo Ek", "Bo Ek – Exempelbygg AB – MinaSidor")
    assert "bo@example.com" in page.text
    assert not page.tree.findall(".//input[@type='password']"), "nobody sets another's password"

    page = await visitor.submit(one(bo), change="promote")
    assert (page.path, shown(page)) == (USERS, "Bo Ek är nu administratör.")
    page = await visitor.visit(one(bo))
    assert "Ta bort som administratör" in page.buttons

    page = await visitor.submit(one(bo), change="demote")
    assert shown(page) == "Bo Ek är inte längre administratör."
    assert (await Membership.get(id=bo.id)).role is Role.MEMBER


async def test_a_user_is_removed_after_a_question(visitor: Visitor, bo: Membership) -> None:
    page = await visitor.visit(one(bo))
    assert "Ta bort användaren" not in page.buttons
    page = await visitor.visit(page.links["Ta bort användaren"])
    assert page.heading == "Ta bort Bo Ek?"
    assert "Bo Ek kan då inte längre se Exempelbygg AB" in page.text
    assert await Membership.exists(id=bo.id), "a question changes nothing"
    assert page.links["Avbryt"] == one(bo)

    page = await visitor.submit(one(bo), change="remove")

    assert shown(page) == "Bo Ek är borttagen och kan inte längre se Exempelbygg AB."
    assert not await Membership.exists(id=bo.id)
    assert (await visitor.visit(one(bo))).status == 403


async def test_what_somebody_else_did_meanwhile_is_said(visitor: Visitor, bo: Membership) -> None:
    await access.promote(bo, OPERATOR)
    page = await visitor.submit(one(bo), change="promote")
    assert shown(page) == MEANWHILE


async def test_the_last_administrator_stays_one(visitor: Visitor, anna: Membership) -> None:
    page = await visitor.submit(one(anna), change="demote")

    assert (page.status, page.heading) == (422, "Anna Andersson")
    assert LAST in page.alert
    assert (await Membership.get(id=anna.id)).role is Role.ADMINISTRATOR


async def test_who_gives_the_role_up_lands_on_the_customer_page(
    visitor: Visitor, anna: Membership, bo: Membership
) -> None:
    await access.promote(bo, OPERATOR)
    page = await visitor.visit(one(anna))
    assert "Bara en annan administratör kan göra dig till administratör igen." in page.text
    assert page.links["Lämna kundkontot"] == LEAVE

    answer = await visitor.htmx("POST", one(anna), change="demote")
    assert answer.headers["hx-redirect"] == CUSTOMER, "the menu changes too"
    page = await visitor.visit(CUSTOMER)
    assert shown(page) == "Du är inte längre administratör för Exempelbygg AB."
    assert USERS not in page.links.values()


async def test_removing_oneself_is_leaving(visitor: Visitor, anna: Membership) -> None:
    assert (await visitor.submit(one(anna), change="remove")).path == LEAVE
    assert (await visitor.visit(f"{one(anna)}?fraga=ta-bort")).heading == "Anna Andersson"
    assert await Membership.exists(id=anna.id)


async def test_who_waits_has_no_page_yet(visitor: Visitor, cecilia: Membership) -> None:
    assert (await visitor.visit(one(cecilia))).path == USERS
    assert (await visitor.submit(one(cecilia), change="remove")).path == USERS
    assert await Membership.exists(id=cecilia.id)


@pytest.mark.parametrize("number", ["999999", "0", "9" * 30])
async def test_nobody_is_no_access(visitor: Visitor, anna: Membership, number: str) -> None:
    for answer in (
        await visitor.get(f"{USERS}/{number}"),
        await visitor.post(f"{USERS}/{number}", change="remove"),
    ):
        assert answer.status_code == 403
        assert Page(answer).heading == "Du har inte åtkomst"


async def test_a_button_that_is_none_is_refused(visitor: Visitor, bo: Membership) -> None:
    for change in ("", "delete", "role"):
        assert (await visitor.post(one(bo), change=change, role="administrator")).status_code == 400
    assert (await Membership.get(id=bo.id)).role is Role.MEMBER


@pytest.mark.parametrize("kept", [True, False])
async def test_who_lost_the_role_a_moment_before_is_refused_as_at_the_next_click(
    visitor: Visitor,
    anna: Membership,
    bo: Membership,
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,
) -> None:
    async def too_late(membership: Membership, by: Actor) -> bool:
        """As when another administrator is quicker than this one, whom the guard let in."""
        if kept:
            await Membership.filter(id=anna.id).update(role=Role.MEMBER)
        else:
            await Membership.filter(id=anna.id).delete()
        raise NotAdministrator

    monkeypatch.setattr(access, "promote", too_late)
    answer = await visitor.post(one(bo), change="promote")

    page = Page(answer)
    assert (page.status, page.heading) == (403, "Du har inte åtkomst")
    assert ("bara för administratörer" in page.text) is kept
    assert USERS not in page.links.values()
    assert (await Membership.get(id=bo.id)).role is Role.MEMBER


async def test_what_is_sensitive_asks_for_the_password_again(
    visitor: Visitor, bo: Membership, time: Clock
) -> None:
    time.forward(minutes=11)
    for path in (one(bo), RULES, f"{USERS}/bjud-in", LEAVE):
        page = await visitor.visit(path)
        assert page.path == "/bekrafta-dig", path
        page = await visitor.submit(path, change="promote", email="x@example.com")
        assert page.path == "/bekrafta-dig", path
    for path in (USERS, CUSTOMER):
        assert (await visitor.visit(path)).path == path
    assert (await Membership.get(id=bo.id)).role is Role.MEMBER

    page = await visitor.visit(f"{one(bo)}?fraga=ta-bort")
    page = await visitor.submit("/bekrafta-dig", password=PASSWORD, next=page.value("next") or "")
    assert page.heading == "Ta bort Bo Ek?"


# Regler


async def test_rules_are_shown_and_set(
    visitor: Visitor, account: CustomerAccount, anna: Membership
) -> None:
    await User.filter(id=anna.user_id).update(two_factor=TwoFactor.ON)
    page = await visitor.visit(RULES)
    assert page.title == "Regler – Exempelbygg AB – MinaSidor"
    (chosen,) = page.tree.findall(".//input[@checked]")
    assert chosen.get("value") == "notify"

    page = await visitor.submit(RULES, claim_policy="approve", requires_two_factor="on")

    assert (page.path, shown(page)) == (RULES, "Reglerna är sparade.")
    now = await CustomerAccount.get(id=account.id)
    assert (now.claim_policy, now.requires_two_factor) == (ClaimPolicy.APPROVE, True)
    chosen = [e.get("value") or e.get("name") for e in page.tree.findall(".//input[@checked]")]
    assert chosen == ["approve", "requires_two_factor"]
    await visitor.submit(RULES, claim_policy="direct")
    now = await CustomerAccount.get(id=account.id)
    assert (now.claim_policy, now.requires_two_factor) == (ClaimPolicy.DIRECT, False)


@pytest.mark.parametrize("policy", ["", "nobody", "approve ; drop"])
async def test_a_rule_that_is_none_is_refused(
    visitor: Visitor, account: CustomerAccount, anna: Membership, policy: str
) -> None:
    page = await visitor.submit(RULES, claim_policy=policy, requires_two_factor="on")

    assert page.status == 422
    assert "Välj vad som ska hända med nya användare." in page.alert
    assert page.field("requires_two_factor").get("checked") is not None, "nothing is lost"
    assert not (await CustomerAccount.get(id=account.id)).requires_two_factor


async def test_whoever_demands_two_factor_without_it_is_told_and_led_to_steg_4_and_back(
    visitor: Visitor, anna: Membership, bo: Membership
) -> None:
    page = await visitor.visit(RULES)
    assert "2 av 2 har inte slagit på tvåfaktorsautentisering." in page.text
    assert "Kräver ni det leds du till Steg 4 när du sparar," in page.text

    page = await visitor.submit(RULES, claim_policy="notify", requires_two_factor="on")

    assert page.path == "/registrera/steg-4"
    assert shown(page) == "Reglerna är sparade."
    assert "Exempelbygg AB kräver tvåfaktorsautentisering." in page.text
    assert "Hoppa över tvåfaktorsautentisering" not in page.buttons
    key = "".join(page.texts("*[@id='key']//span"))
    page = await visitor.submit("/registrera/steg-4", code=code(key))
    assert page.heading == "Nu är du klar!"
    page = await visitor.visit(page.links["Gå till Exempelbygg AB"])
    assert page.path == CUSTOMER

    page = await visitor.visit("/mina-uppgifter/inloggningsuppgifter/inaktivera")
    assert "Det här kundkontot kräver tvåfaktorsautentisering." in page.text
    assert "Exempelbygg AB" in page.texts("li")


async def test_steg_4_leads_back_to_the_account_that_was_asked_for(
    visitor: Visitor, anna: Membership
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB", requires_two_factor=True)
    _ = await Membership.admit(await User.get(id=anna.user_id), other)

    page = await visitor.visit("/kund/100900")
    assert page.path == "/registrera/steg-4"
    assert "Hoppa över tvåfaktorsautentisering" in page.buttons, "the first account is reached"
    key = "".join(page.texts("*[@id='key']//span"))
    page = await visitor.submit("/registrera/steg-4", code=code(key))
    assert page.links["Gå till Andra Bolaget AB"] == "/kund/100900"


# Lämna


async def test_a_member_leaves_and_lands_where_a_login_would(
    new_visitor: Callable[[], Visitor], bo: Membership
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    _ = await Membership.admit(await User.get(id=bo.user_id), other)
    visitor = new_visitor()
    await visitor.log_in("bo@example.com")
    page = await visitor.visit(CUSTOMER)
    page = await visitor.visit(page.links["Lämna kundkontot"])
    assert "Du kan då inte längre se Exempelbygg AB." in page.text
    assert await Membership.exists(id=bo.id)

    page = await visitor.submit(LEAVE)

    assert (page.path, shown(page)) == ("/kund/100900", "Du har lämnat Exempelbygg AB.")
    assert not await Membership.exists(id=bo.id)
    assert (await visitor.visit(CUSTOMER)).status == 403
    assert await Event.exists(kind="membership.left", user_id=bo.user_id)


async def test_the_only_account_left_leads_to_adding_one(
    visitor: Visitor, anna: Membership
) -> None:
    page = await visitor.visit(LEAVE)
    assert "Du är den enda användaren." in page.text
    page = await visitor.submit(LEAVE)
    assert (page.path, shown(page)) == ("/lagg-till-kundkonto", "Du har lämnat Exempelbygg AB.")


async def test_the_only_administrator_is_told_what_to_do_first(
    visitor: Visitor, anna: Membership, bo: Membership
) -> None:
    page = await visitor.visit(LEAVE)
    assert LAST in page.text
    assert page.links["Visa användarna"] == USERS
    assert "Lämna kundkontot" not in page.buttons

    page = await visitor.submit(LEAVE)
    assert (page.status, LAST in page.alert) == (422, True)
    assert await Membership.exists(id=anna.id)


async def test_who_waits_takes_the_wish_back(
    new_visitor: Callable[[], Visitor], cecilia: Membership
) -> None:
    visitor = new_visitor()
    page = await visitor.log_in("cecilia@example.com")
    page = await visitor.visit(page.links["Ta tillbaka begäran"])
    assert page.heading == "Ta tillbaka begäran?"

    page = await visitor.submit(LEAVE)

    assert shown(page) == "Din begäran om åtkomst till Exempelbygg AB är återtagen."
    assert not await Membership.exists(id=cecilia.id)
    assert not await OutgoingMail.exists(kind="access_removed")


# Two tabs


async def test_a_form_made_for_another_customer_writes_nothing(
    visitor: Visitor, anna: Membership, bo: Membership
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    _ = await Membership.admit(await User.get(id=anna.user_id), other)
    mark = made_for(anna.user_id, "100200")

    for path, fields in (
        (f"/kund/100900/anvandare/{bo.id}", {"change": "remove"}),
        ("/kund/100900/anvandare/svar", {"approve": str(bo.id)}),
        ("/kund/100900/anvandare/regler", {"claim_policy": "direct"}),
        ("/kund/100900/anvandare/bjud-in", {"email": "elin@example.com"}),
        ("/kund/100900/anvandare/inbjudan", {"resend": "1"}),
        ("/kund/100900/lamna", {}),
    ):
        page = await visitor.submit(path, made_for=mark, **fields)
        assert (page.status, page.heading) == (409, "Kundkontot har bytts ut"), path
    assert await Membership.all().count() == 3
    assert not await OutgoingMail.exists(kind="invitation")

"""The customer page, who may see it, and adding another account."""

import pytest

from models import Address, ClaimPolicy, CustomerAccount, Membership, User, clock
from tests.unit.conftest import PASSWORD, Clock, Visitor, a_user, an_account

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anna(account: CustomerAccount) -> User:
    user = await a_user()
    _ = await Membership.admit(user, account)
    return user


async def test_shows_name_numbers_and_addresses(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    _ = await Address.create(
        customer_account_id=account.id, street="Byggvägen 4", postal_code="111 11", town="Stockholm"
    )
    page = await visitor.log_in()

    assert page.heading == "Exempelbygg AB"
    for shown in ("100 200", "442101-3378", "Byggvägen 4", "111 11 Stockholm"):
        assert shown in page.text


async def test_a_sole_traders_number_is_shown_with_dots(visitor: Visitor, db: None) -> None:
    account = await an_account("300", "4001019803", name="Lindgrens Måleri")
    _ = await Membership.admit(await a_user(), account)
    page = await visitor.log_in()

    assert "400101-••••" in page.text
    assert "9803" not in page.response.text


async def test_the_five_others_used_last_are_a_click_away_and_the_rest_two(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    names = [f"Kund {n} AB" for n in range(6)]
    for n, name in enumerate(names):
        time.forward(minutes=1)
        _ = await Membership.admit(anna, await an_account(f"30000{n}", name=name))
    page = await visitor.log_in()
    shown = page.texts("section[@aria-labelledby='others']//span[@class='row__name']")
    assert shown == list(reversed(names))[:5]
    assert "Byt kund" in page.texts("section[@aria-labelledby='others']//a")

    for name, number in zip(names[:2], ("300000", "300001"), strict=True):
        time.forward(minutes=1)
        page = await visitor.visit(f"/kund/{number}")
        assert page.heading == name
    shown = page.texts("section[@aria-labelledby='others']//span[@class='row__name']")
    assert shown == [names[0], "Exempelbygg AB", names[5], names[4], names[3]]

    await Membership.filter(customer_account__name=names[5]).delete()
    page = await visitor.visit("/kund/300001")
    assert "Byt kund" not in page.texts("section[@aria-labelledby='others']//a")


async def test_a_switch_is_told_once_and_only_where_there_was_one(
    visitor: Visitor, anna: User
) -> None:
    told = "Du har bytt till"
    _ = await Membership.admit(anna, await an_account("300001", name="Andra AB"))
    _ = await an_account("300002", name="Tredje AB")
    assert told not in (await visitor.log_in()).text

    assert "Du har bytt till Andra AB." in (await visitor.visit("/kund/300001")).text
    assert told not in (await visitor.visit("/kund/300001")).text
    await visitor.visit("/kund/999999")
    assert told not in (await visitor.visit("/kund/300001")).text, "nobody was let in there"
    added = {"customer_number": "300002", "organisation_suffix": "3378"}
    page = await visitor.submit("/lagg-till-kundkonto", **added)
    assert "Kundkontot Tredje AB är tillagt." in page.text
    assert told not in page.text


async def test_no_access_and_no_such_account_are_the_same_page(
    visitor: Visitor, anna: User
) -> None:
    _ = await an_account("100300", name="Andras AB")
    await visitor.log_in()

    others = await visitor.visit("/kund/100300")
    nobodys = await visitor.visit("/kund/999999")

    assert others.status == nobodys.status == 403
    assert others.heading == "Du har inte åtkomst"
    assert "/lagg-till-kundkonto" in others.links.values()
    assert others.text == nobodys.text


async def test_a_closed_account_is_out_of_reach(
    visitor: Visitor, anna: User, account: CustomerAccount, time: Clock
) -> None:
    await visitor.log_in()
    account.closed_at = time.now()
    await account.save()
    assert (await visitor.visit("/kund/100200")).status == 403


async def test_adding_an_account_leads_to_its_page(visitor: Visitor, anna: User) -> None:
    _ = await an_account("100300", name="Andra AB")
    await visitor.log_in()

    page = await visitor.submit(
        "/lagg-till-kundkonto", customer_number="100300", organisation_suffix="0000"
    )
    assert page.status == 422
    assert "Uppgifterna stämmer inte överens." in page.alert
    page = await visitor.submit(
        "/lagg-till-kundkonto", customer_number="100300", organisation_suffix="3378"
    )

    assert (page.path, page.heading) == ("/kund/100300", "Andra AB")
    assert "Kundkontot Andra AB är tillagt." in page.response.text


async def test_adding_one_that_one_has_is_a_success(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()

    page = await visitor.submit(
        "/lagg-till-kundkonto", customer_number="100200", organisation_suffix="3378"
    )

    assert page.path == "/kund/100200"
    assert "Du har redan lagt till det här kundkontot." in page.response.text
    assert await Membership.all().count() == 1


async def test_closed_claims_say_so_honestly(visitor: Visitor, anna: User) -> None:
    from models import Switch

    await Switch.turn(Switch.CLAIMS, on=False, operator="test")
    await visitor.log_in()

    page = await visitor.visit("/lagg-till-kundkonto")
    assert "Det går inte att registrera konton just nu. Ring oss så hjälper vi dig." in page.text
    await visitor.submit("/logga-ut")
    await visitor.submit("/registrera/steg-1")
    page = await visitor.submit(
        "/registrera/steg-2", customer_number="100200", organisation_suffix="3378"
    )
    assert "Det går inte att registrera konton just nu." in page.text
    await Switch.turn(Switch.CLAIMS, on=True, operator="test")
    page = await visitor.submit(
        "/registrera/steg-2", customer_number="100200", organisation_suffix="3378"
    )
    assert page.path == "/registrera/steg-3"


# Where administrators want to say yes first


@pytest.fixture
async def approving(account: CustomerAccount) -> CustomerAccount:
    """Andra AB, whose administrator wants to approve who comes."""
    other = await an_account("100300", name="Andra AB")
    bo = await a_user("bo@example.com", email_confirmed_at=clock.now())
    _ = await Membership.admit(bo, other)
    await CustomerAccount.filter(id=other.id).update(claim_policy=ClaimPolicy.APPROVE)
    return other


async def test_a_claim_that_waits_leads_to_the_page_that_says_so(
    visitor: Visitor, anna: User, approving: CustomerAccount
) -> None:
    await visitor.log_in()
    page = await visitor.submit(
        "/lagg-till-kundkonto", customer_number="100300", organisation_suffix="3378"
    )

    assert (page.path, page.heading) == ("/kund/100300", "Väntar på godkännande")
    assert "En administratör på Andra AB behöver godkänna dig." in page.text
    assert "Nu behöver en administratör godkänna dig." in page.response.text
    assert "bo@example.com" not in page.response.text, "they learn nothing of the company"
    again = await visitor.submit(
        "/lagg-till-kundkonto", customer_number="100300", organisation_suffix="3378"
    )
    assert again.heading == "Väntar på godkännande"
    # The account one works with stays the one of before.
    assert (await visitor.visit("/")).links["Gå till Exempelbygg AB"] == "/kund/100200"


async def test_who_waits_is_told_by_mail_once_the_address_is_proven(
    visitor: Visitor, approving: CustomerAccount
) -> None:
    cia = await a_user("cia@example.com")
    _ = await Membership.admit(cia, approving)
    page = await visitor.log_in("cia@example.com")
    assert "Bekräfta din e-postadress, så mejlar vi när det är klart." in page.text
    await cia.confirm_email()
    page = await visitor.visit("/kund/100300")
    assert "Vi mejlar när det är klart." in page.text


async def test_who_waits_for_everything_lands_there_at_login(
    visitor: Visitor, approving: CustomerAccount
) -> None:
    _ = await Membership.admit(await a_user("cia@example.com"), approving)
    page = await visitor.log_in("cia@example.com")

    assert (page.path, page.heading) == ("/kund/100300", "Väntar på godkännande")
    assert "Aktivt kundkonto" not in page.response.text


async def test_who_has_one_account_lands_there_and_not_where_they_wait(
    visitor: Visitor, approving: CustomerAccount, account: CustomerAccount
) -> None:
    cia = await a_user("cia@example.com")
    _ = await Membership.admit(cia, approving)
    _ = await Membership.admit(cia, account)

    assert (await visitor.log_in("cia@example.com")).path == "/kund/100200"


async def test_registering_where_they_want_to_approve_ends_with_waiting(
    visitor: Visitor, approving: CustomerAccount
) -> None:
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", customer_number="100300", organisation_suffix="3378")
    page = await visitor.submit(
        "/registrera/steg-3",
        customer_number="100300",
        given_name="Cia",
        family_name="Ek",
        email="cia@example.com",
        password=PASSWORD,
    )
    assert page.path == "/registrera/steg-4"
    page = await visitor.submit("/registrera/steg-4/hoppa-over")

    assert (page.path, page.heading) == ("/registrera/klart", "Nu är du klar!")
    assert "En administratör på Andra AB behöver godkänna dig." in page.text
    assert "Gå till Andra AB" not in page.links
    assert (await visitor.visit("/kund/100300")).heading == "Väntar på godkännande"


async def test_a_claim_carried_through_the_login_waits_likewise(
    visitor: Visitor, anna: User, approving: CustomerAccount
) -> None:
    await visitor.submit("/registrera/steg-1")
    await visitor.submit("/registrera/steg-2", customer_number="100300", organisation_suffix="3378")
    taken = await visitor.submit(
        "/registrera/steg-3",
        customer_number="100300",
        given_name="Anna",
        family_name="Andersson",
        email="anna@example.com",
        password=PASSWORD,
    )
    assert "Logga in och koppla kundkontot" in taken.buttons
    await visitor.submit("/registrera/koppla", customer_number="100300")
    page = await visitor.log_in()

    assert (page.path, page.heading) == ("/kund/100300", "Väntar på godkännande")
    assert "Nu behöver en administratör godkänna dig." in page.response.text
    membership = await Membership.get(user_id=anna.id, customer_account_id=approving.id)
    assert membership.is_awaiting


# Where two-factor is asked for


async def test_some_accounts_that_ask_for_two_factor_leave_the_others_open(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    other = await an_account("100300", name="Andra AB")
    _ = await Membership.admit(anna, other)
    await CustomerAccount.filter(id=account.id).update(requires_two_factor=True)
    page = await visitor.log_in()
    assert page.path == "/registrera/steg-4"
    assert "Hoppa över tvåfaktorsautentisering" in page.buttons

    assert (await visitor.visit("/kund/100300")).heading == "Andra AB"
    assert (await visitor.visit("/kund/100200")).path == "/registrera/steg-4"

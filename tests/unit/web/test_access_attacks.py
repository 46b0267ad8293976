"""Those who want access that is not theirs, or to be a nuisance: each try, and its end."""

from __future__ import annotations

from email import message_from_bytes, policy

import pytest

from models import (
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Invitation,
    Membership,
    OutgoingMail,
    Role,
    User,
    access,
    clock,
    closing,
    operating,
    password_reset,
)
from models.access import Actor
from models.email_link import Purpose
from tests.unit.conftest import Clock, Outbox, Visitor, a_user, an_account, asked_from
from web.made_for import made_for

pytestmark = pytest.mark.anyio
CUSTOMER = "/kund/100200"
USERS = f"{CUSTOMER}/anvandare"
CLAIM = {"customer_number": "100200", "organisation_suffix": "3378"}


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> Membership:
    """The only administrator; her address is proven."""
    return await Membership.admit(await a_user(email_confirmed_at=clock.now()), account)


@pytest.fixture
def by(anna: Membership) -> Actor:
    return Actor(anna.user_id)


async def bo_of(account: CustomerAccount) -> Membership:
    bo = await a_user(
        "bo@example.com", given_name="Bo", family_name="Ek", email_confirmed_at=clock.now()
    )
    return await Membership.admit(bo, account)


# An invitation that was sent before its sender, or its receiver, was thrown out


async def test_det_var_inte_vi_revokes_what_the_stranger_has_sent(
    visitor: Visitor, account: CustomerAccount, by: Actor, outbox: Outbox
) -> None:
    path = await outbox.link("kontakt@exempelbygg.example")
    _ = await Invitation.send(account, "anna.two@example.com", Role.ADMINISTRATOR, by)
    await visitor.visit(path)
    await visitor.submit("/det-var-inte-jag")

    assert not await Membership.exists()
    assert not await Invitation.exists()
    assert (await visitor.visit(await outbox.link("anna.two@example.com"))).status == 410


@pytest.mark.parametrize("how", ["removed", "demoted", "frozen", "frozen by us", "closing"])
async def test_whoever_is_no_administrator_any_more_has_invited_nobody(
    how: str, account: CustomerAccount, anna: Membership, by: Actor
) -> None:
    bo = await bo_of(account)
    assert await access.promote(bo, by)
    _ = await Invitation.send(account, "anna.two@example.com", Role.ADMINISTRATOR, by)
    user = await User.get(id=anna.user_id)
    match how:
        case "removed":
            assert await access.remove(anna, Actor(bo.user_id))
        case "demoted":
            assert await access.demote(anna, Actor(bo.user_id))
        case "frozen":
            issued, _ = await EmailLink.issue(Purpose.NOT_ME, email=user.email, user_id=user.id)
            link = await EmailLink.get(id=issued.id).prefetch_related("user")
            assert await password_reset.freeze(link)
        case "frozen by us":
            assert await operating.freeze(user, "test")
        case "closing":
            assert await closing.close(user)

    assert not await Invitation.exists()


@pytest.mark.parametrize("policy", [ClaimPolicy.NOTIFY, ClaimPolicy.APPROVE])
async def test_whoever_is_removed_or_denied_comes_not_back_by_an_older_invitation(
    policy: ClaimPolicy, account: CustomerAccount, by: Actor
) -> None:
    invitation = await Invitation.send(account, "bo@example.com", Role.MEMBER, by)
    link = await EmailLink.get(invitation_id=invitation.id)
    await CustomerAccount.filter(id=account.id).update(claim_policy=policy)
    bo = await bo_of(account)
    end = access.deny if bo.is_awaiting else access.remove
    assert await end(bo, by)

    assert await invitation.accept(await User.get(id=bo.user_id), link) is None
    assert not await Membership.exists(user_id=bo.user_id)


async def test_the_only_user_leaves_no_invitation_behind(
    account: CustomerAccount, anna: Membership, by: Actor
) -> None:
    _ = await Invitation.send(account, "cia@example.com", Role.MEMBER, by)
    assert await closing.close(await User.get(id=anna.user_id))
    assert not await Invitation.exists()


async def test_who_is_no_administrator_any_more_takes_nobody_out_by_an_old_notice(
    visitor: Visitor, account: CustomerAccount, anna: Membership, by: Actor, outbox: Outbox
) -> None:
    bo = await bo_of(account)
    path = await outbox.link("anna@example.com")
    assert await access.promote(bo, by)
    assert await access.remove(anna, Actor(bo.user_id))

    assert (await visitor.visit(path)).status == 410
    await visitor.submit("/det-var-inte-jag")
    assert await Membership.exists(id=bo.id)


async def test_the_contacts_notice_works_whoever_the_administrators_are(
    visitor: Visitor, account: CustomerAccount, anna: Membership, by: Actor, outbox: Outbox
) -> None:
    bo = await bo_of(account)
    path = await outbox.link("kontakt@exempelbygg.example")
    assert await access.promote(bo, by)
    assert await access.remove(anna, Actor(bo.user_id))
    await visitor.visit(path)
    await visitor.submit("/det-var-inte-jag")
    assert not await Membership.exists(id=bo.id)


# Mail


@pytest.mark.parametrize("policy_", [ClaimPolicy.NOTIFY, ClaimPolicy.APPROVE])
async def test_who_comes_and_goes_bombs_nobody_with_mail(
    policy_: ClaimPolicy, visitor: Visitor, account: CustomerAccount, anna: Membership
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=policy_)
    _ = await a_user("bo@example.com", given_name="Bo", family_name="Ek")
    await visitor.log_in("bo@example.com")
    for _ in range(11):
        await visitor.submit("/lagg-till-kundkonto", **CLAIM)
        await visitor.submit(f"{CUSTOMER}/lamna")
    page = await visitor.submit("/lagg-till-kundkonto", **CLAIM)

    assert "Uppgifterna stämmer inte överens." in page.alert
    assert await OutgoingMail.filter(kind__in=["new_member", "approval_asked"]).count() == 10


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?a=0D=0ABcc=3A_x=40evil.example?=",
        "=?utf-8?q?Faktura=0D=0A=0D=0ALogga_in=3A_evil.example?=",
    ],
)
async def test_a_name_writes_no_header_and_no_text(
    name: str, visitor: Visitor, account: CustomerAccount, anna: Membership, outbox: Outbox
) -> None:
    await visitor.log_in()
    page = await visitor.submit("/mina-uppgifter", given_name=name, family_name="A", phone="")
    assert "Skriv bara ditt namn." in page.alert
    # Also one that was stored before anybody thought of it, and a company's.
    await User.filter(id=anna.user_id).update(given_name=name)
    await CustomerAccount.filter(id=account.id).update(name=name)
    await visitor.submit(f"{USERS}/bjud-in", email="stranger@example.com")
    (message,) = await outbox.to("stranger@example.com")

    sent = message_from_bytes(message.as_bytes(policy=policy.SMTP), policy=policy.default)
    assert set(sent.keys()) == set(message.keys())
    assert sent["Bcc"] is None
    assert "\n" not in str(message["Subject"])


# What is not theirs to know


async def test_the_address_of_an_erased_administrator_is_told_to_nobody(
    visitor: Visitor, account: CustomerAccount, anna: Membership, by: Actor, time: Clock
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    bo = await bo_of(account)
    with asked_from("198.51.100.77"):
        assert await access.approve(bo, by)
        assert await access.promote(bo, by)
        assert await closing.close(await User.get(id=anna.user_id))
    for _ in range(2):
        await visitor.log_in("bo@example.com")
        page = await visitor.get("/mina-uppgifter/handelser")
        assert "198.51.100.77" not in page.text
        time.forward(days=15)
        _ = await closing.erase(anna.user_id)


async def test_erasing_somebody_finds_their_address_however_it_was_written(
    account: CustomerAccount, by: Actor, time: Clock
) -> None:
    _ = await Invitation.send(account, "Bo@Example.com", Role.MEMBER, by)
    bo = await a_user("bo@example.com")
    assert await closing.close(bo)
    time.forward(days=15)
    assert await closing.erase(bo.id)

    links = await EmailLink.all().values_list("email", flat=True)
    mails = await OutgoingMail.all().values_list("to", flat=True)
    assert not [one for one in [*links, *mails] if str(one).casefold() == "bo@example.com"]


# Others


async def test_an_operator_appoints_only_who_has_proven_the_address(
    account: CustomerAccount, anna: Membership, outbox: Outbox
) -> None:
    await CustomerAccount.filter(id=account.id).update(claim_policy=ClaimPolicy.APPROVE)
    stranger = await Membership.admit(await a_user("vd@exempelbygg.example"), account)

    done = await operating.appoint(account, "vd@exempelbygg.example", "Kim")

    assert done is operating.Appointed.INVITED
    assert (await Membership.get(id=stranger.id)).is_awaiting
    assert await outbox.to("vd@exempelbygg.example")


async def test_two_notices_in_two_tabs_are_not_mixed_up(
    visitor: Visitor, account: CustomerAccount, anna: Membership, outbox: Outbox
) -> None:
    _ = await bo_of(account)
    to_bo = await outbox.link("anna@example.com")
    cia = await Membership.admit(await a_user("cia@example.com", given_name="Cia"), account)
    to_cia = await outbox.link("anna@example.com")
    tab = await visitor.visit(to_bo)
    _ = await visitor.visit(to_cia)

    page = await visitor.submit("/det-var-inte-jag", link=tab.value("link") or "")

    assert "Du har öppnat en annan länk i en annan flik." in page.response.text
    assert "Cia" in page.text
    assert await Membership.exists(id=cia.id)


async def test_an_invitation_is_sent_again_with_the_password_given_anew(
    visitor: Visitor, account: CustomerAccount, by: Actor, time: Clock
) -> None:
    invitation = await Invitation.send(account, "cia@example.com", Role.ADMINISTRATOR, by)
    await visitor.log_in()
    time.forward(minutes=30)
    answer = await visitor.post(f"{USERS}/inbjudan", resend=str(invitation.id))
    assert answer.headers["location"].startswith("/bekrafta-dig")


async def test_a_number_too_long_for_any_row_is_nobodys(visitor: Visitor, anna: Membership) -> None:
    await visitor.log_in()
    for digits in (10, 5000):
        assert (await visitor.client.get(f"{USERS}/{'9' * digits}")).status_code == 403


async def test_a_form_of_another_customer_is_refused_where_one_waits_too(
    visitor: Visitor, account: CustomerAccount, anna: Membership
) -> None:
    other = await an_account("100300", "4435027711", name="Andra AB")
    _ = await Membership.admit(await a_user("bea@example.com"), other)
    await CustomerAccount.filter(id=other.id).update(claim_policy=ClaimPolicy.APPROVE)
    waiting = await Membership.admit(await User.get(id=anna.user_id), other)
    assert waiting.is_awaiting
    await visitor.log_in()
    mark = made_for(anna.user_id, "100200")

    answer = await visitor.post("/kund/100300/lamna", made_for=mark)

    assert answer.status_code == 409
    assert await Membership.exists(id=waiting.id)

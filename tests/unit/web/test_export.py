"""Hämta mina uppgifter: all of it, nothing secret, and nobody else's."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import html5lib
import pytest
from tortoise import Tortoise

from models import (
    AppCode,
    AppDevice,
    AppLogin,
    AppToken,
    CustomerAccount,
    EmailLink,
    Event,
    Invitation,
    LoginChallenge,
    Membership,
    OutgoingMail,
    RecoveryCode,
    Role,
    Session,
    Totp,
    TwoFactor,
    User,
    clock,
    export,
    notice,
    tokens,
)
from models.bankid_identity import BankIDIdentity, Person
from models.email_link import Purpose
from models.event import BY_OTHERS
from tests.unit.conftest import (
    CHALLENGE,
    PASSWORD,
    Clock,
    Outbox,
    Visitor,
    a_user,
    an_account,
    an_app,
    an_app_code,
    asked_from,
    code,
)
from web import mail
from web.access_mails import ACCESS_MAILS
from web.export_words import LABELS, TITLES, WORDS
from web.notices import NOTICES

pytestmark = pytest.mark.anyio
EXPORT, DOCUMENT, DATA = (f"/mina-uppgifter/hamta{end}" for end in ("", ".html", ".json"))
PARTS = list(export.PARTS.items())


@pytest.fixture
async def anna(account: CustomerAccount, time: Clock) -> User:
    user = await a_user(phone="070-174 06 05")
    _ = await Membership.admit(user, account)
    await user.confirm_email()
    return user


async def downloaded(visitor: Visitor, format: str = "json") -> str:
    answer = await visitor.client.post(EXPORT, data={"format": format}, follow_redirects=True)
    assert answer.headers["content-disposition"].startswith("attachment; ")
    return str(answer.text)


# Nothing is forgotten


def about_a_user() -> set[str]:
    """The models whose rows lead to a user, and the three that are about one in another way."""
    found = {"User", "OutgoingMail", "AppToken"}
    for name, model in Tortoise.apps["models"].items():
        for field in model._meta.fk_fields | model._meta.o2o_fields:
            if model._meta.fields_map[field].related_model is User:
                found.add(name)
    return found


def test_every_table_about_a_user_is_handed_over(db: None) -> None:
    assert {part.model.__name__ for part in export.PARTS.values()} == about_a_user()


@pytest.mark.parametrize(("name", "part"), PARTS, ids=[name for name, _ in PARTS])
def test_every_column_is_handed_over_or_withheld_for_a_reason(
    db: None, name: str, part: export.Part
) -> None:
    meta = part.model._meta
    leads_to = {field: f"{field}_id" for field in meta.fk_fields | meta.o2o_fields}
    handed = {leads_to.get(column.split("__")[0], column) for column in part.columns}

    columns = set(meta.fields_db_projection)
    assert columns - handed - set(part.withheld) == set(), "neither handed over nor withheld"
    assert handed | set(part.withheld) <= columns, "there are no such columns"
    assert not handed & set(part.withheld)
    assert all(part.withheld.values()), "a reason"
    hidden = {column for column in columns if re.search("hash|secret|encrypted", column)}
    assert hidden <= set(part.withheld)


def test_every_column_and_every_kind_has_its_words() -> None:
    parts = export.PARTS.values()
    columns = {c.replace("__", "_") for part in parts for c in part.columns + part.decrypted}
    assert columns - {"data"} == set(LABELS)
    assert set(TITLES) == set(export.PARTS)
    mails = {*mail._KINDS, *NOTICES, *ACCESS_MAILS} - {"alarm", "awaiting_too_long"}  # to us
    assert mails - set(WORDS["kind"]) == set()
    assert set(WORDS["purpose"]) == set(Purpose)
    assert set(WORDS["two_factor"]) == set(TwoFactor)


# What is in the files


@pytest.fixture
async def busy(visitor: Visitor, anna: User, outbox: Outbox, time: Clock) -> list[str]:
    """Anna has something in every table; every secret there is about her."""
    page = await visitor.log_in()
    pending = await Totp.pending(anna)
    secret = pending.secret
    assert (await pending.activate(await User.get(id=anna.id), code(secret))).is_right
    shown = await RecoveryCode.shown(anna.id)
    challenge = await LoginChallenge.start(
        await User.get(id=anna.id), remembered=False, next_path="/kund/100200"
    )
    account = await CustomerAccount.get()
    _ = await Invitation.create(
        customer_account_id=account.id,
        email="bo@example.com",
        email_key="bo@example.com",
        role=Role.MEMBER,
        invited_by_id=anna.id,
        sent_at=time.now(),
    )
    app = await an_app(anna)
    now = await User.get(id=anna.id)
    half, _ = await AppLogin.start(now, "mittprezero-ios", CHALLENGE, "Annas iPhone")
    app_code = await an_app_code(now)
    await BankIDIdentity.add(anna.id, Person("199001012385", "Anna", "Andersson"), time.now())
    await visitor.submit("/glomt-losen", email="anna@example.com")
    reset = await outbox.link("anna@example.com")
    await notice.tell(await User.get(id=anna.id), "password_changed")
    not_me = await outbox.link("anna@example.com")
    assert page.path == "/kund/100200"
    cookies = [visitor.client.cookies[f"__Host-{name}"] for name in ("session", "device")]
    links = [path.rpartition("/")[2] for path in (reset, not_me)]
    of_the_app = [app.access_token, app.refresh_token, half, app_code, CHALLENGE]
    return [secret, challenge, *shown, *cookies, *links, *of_the_app, PASSWORD]


async def test_the_data_holds_everything_and_no_secret(
    visitor: Visitor, busy: list[str], anna: User
) -> None:
    answer = await downloaded(visitor)
    data = json.loads(answer)

    assert set(data) == {"exported_at", *export.PARTS}
    assert data["user"]["email"] == "anna@example.com"
    assert data["user"]["phone"] == "070-174 06 05"
    assert data["user"]["two_factor"] == "on"
    assert data["user"]["active_customer_account_name"] == "Exempelbygg AB"
    assert data["bankid"][0]["personal_number"] == "19900101-****"
    assert data["customer_accounts"][0]["customer_account_customer_number"] == "100200"
    assert data["sessions"][0]["address"] == visitor.address
    assert {row["purpose"] for row in data["links"]} >= {"reset_password", "not_me"}
    assert {row["kind"] for row in data["mails"]} >= {"reset_password", "password_changed"}
    assert data["events"][0]["kind"] == "data.exported"
    (device,) = data["app_devices"]
    assert (device["name"], device["client_id"]) == ("Annas iPhone", "mittprezero-ios")
    assert {row["device_name"] for row in data["app_tokens"]} == {"Annas iPhone"}
    for name in set(export.PARTS) - {"registrations"}:
        assert data[name], f"{name} is empty: nothing is proven of it"

    models = (User, Session, EmailLink, Totp, AppDevice, AppLogin, AppCode, AppToken)
    held = [row for model in models for row in await model.all().values()]
    hashes = [str(v) for row in held for c, v in row.items() if "hash" in c and v]
    for secret in [*busy, *map(tokens.hashed, busy), *hashes]:
        assert secret not in answer


async def test_the_document_reads_well_and_needs_nothing_from_here(
    visitor: Visitor, busy: list[str], time: Clock
) -> None:
    document = await downloaded(visitor, "html")

    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(document)
    headings = ["".join(h.itertext()) for h in tree.iter("h2")]
    assert headings == list(TITLES.values())
    words = " ".join("".join(tree.find(".//main").itertext()).split())
    assert "Anna" in words
    assert "Välja ett nytt lösenord" in words
    assert "Du hämtade dina uppgifter." in words
    assert "Autentiseringsapp" in words
    assert "MittPreZero (iOS)" in words
    assert "För att få nya nycklar" in words
    assert not re.search(
        r"\b(password_changed|reset_password|refresh|mittprezero-ios|two_factor\.on|None|True)\b",
        words,
    )
    assert not re.search(r"(src|href|url|action)\s*[=(]|<script|@import|http-equiv", document)
    for secret in busy:
        assert secret not in document


async def test_what_others_wrote_is_inert_in_the_document(visitor: Visitor, anna: User) -> None:
    _ = await User.filter(id=anna.id).update(given_name="\"'><svg onload=alert(1)>")
    visitor.client.headers["User-Agent"] = "<script>alert(1)</script>"
    await visitor.log_in()
    document = await downloaded(visitor, "html")
    assert "<svg" not in document
    assert "<script" not in document


async def test_nobody_elses_data_is_in_it(
    visitor: Visitor, anna: User, account: CustomerAccount
) -> None:
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    bo = await a_user("bo@example.com", given_name="Boguslaw", family_name="Ek")
    for one in (account, other):
        _ = await Membership.admit(bo, one)
    await notice.tell(bo, "password_changed")
    with asked_from("198.51.100.9"):
        await Event.record("two_factor.on", user=bo)
        for kind in BY_OTHERS:
            await Event.record(kind, user=anna, operator="Kim Operator")
    # Before Anna had it, the address was somebody else's.
    earlier = await OutgoingMail.write("two_factor_off", "anna@example.com")
    _ = await OutgoingMail.filter(id=earlier.id).update(created_at=clock.now() - timedelta(days=1))
    await visitor.log_in()

    for format in ("json", "html"):
        answer = await downloaded(visitor, format)
        for strange in ("bo@example.com", "Boguslaw", "Andra Bolaget", "198.51.100.9", "Kim"):
            assert strange not in answer, f"{format}: {strange}"
        assert "two_factor_off" not in answer
        assert NOTICES["two_factor_off"].subject not in answer


async def test_it_does_not_tell_whether_somebody_has_the_address_that_one_wants(
    visitor: Visitor, anna: User
) -> None:
    await (await a_user("Bo.Ek@example.com", given_name="Bo")).confirm_email()
    await visitor.log_in()
    told = []
    for wanted in ("bo.ek@example.com", "du.ek@example.com"):
        await visitor.submit("/mina-uppgifter/epost", email=wanted)
        data = json.loads(await downloaded(visitor))
        assert wanted in {row["email"] for row in data["links"]}, "what she asked for herself"
        told.append([(row["kind"], row["to"]) for row in data["mails"]])
        assert {to for _, to in told[-1]} == {"anna@example.com"}
    assert {kind for kind, _ in told[0]} == {kind for kind, _ in told[1]}


async def test_who_has_no_address_gets_no_mails_to_nobody(visitor: Visitor, anna: User) -> None:
    await visitor.log_in()
    _ = await User.filter(id=anna.id).update(email="", email_key=f"#{anna.id}")
    await visitor.submit("/glomt-losen", email="okand@example.com")
    assert await OutgoingMail.filter(to="", kind="reset_password").count() == 1

    data = json.loads(await downloaded(visitor))

    assert "reset_password" not in {row["kind"] for row in data["mails"]}


# Who gets them


async def test_the_page_asks_for_the_password_again(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    await downloaded(visitor)
    time.forward(minutes=11)

    for path in (EXPORT, DOCUMENT, DATA):
        page = await visitor.visit(path)
        assert (page.path, page.heading) == ("/bekrafta-dig", "Bekräfta att det är du"), path
    assert (await visitor.post(EXPORT, format="json")).headers["location"].startswith("/bekrafta")
    assert await Event.filter(kind="data.exported").count() == 1


async def test_nothing_is_handed_over_that_is_not_recorded(
    visitor: Visitor, anna: User, time: Clock
) -> None:
    await visitor.log_in()
    for path in (DOCUMENT, DATA):
        page = await visitor.visit(path)
        assert (page.path, page.heading) == (EXPORT, "Hämta mina uppgifter")
    assert not await Event.exists(kind="data.exported")

    page = await visitor.visit("/mina-uppgifter")
    page = await visitor.visit(page.links["Hämta mina uppgifter"])
    assert page.buttons[-2:] == ["Ladda ner för att läsa", "Ladda ner för andra program"]
    await downloaded(visitor)

    event = await Event.get(kind="data.exported")
    assert (event.user_id, event.address, event.data) == (
        anna.id,
        visitor.address,
        {"format": "json"},
    )
    time.forward(minutes=10)
    assert (await visitor.visit("/mina-uppgifter")).status == 200
    await visitor.submit("/bekrafta-dig", password=PASSWORD)
    assert (await visitor.visit(DATA)).path == EXPORT, "asked for too long ago"


@pytest.mark.parametrize("format", ["", "xml", "../html"])
async def test_a_file_that_does_not_exist_is_refused(
    visitor: Visitor, anna: User, format: str
) -> None:
    await visitor.log_in()
    page = await visitor.submit(EXPORT, format=format)
    assert page.status == 422
    assert "Välj vilken av filerna du vill ladda ner." in page.alert


async def test_of_many_files_at_once_one_is_made_at_a_time(
    visitor: Visitor, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    await visitor.log_in()
    await downloaded(visitor)
    making, most, everything = 0, 0, export.everything

    async def counted(user: User) -> dict[str, export.Rows]:
        nonlocal making, most
        making += 1
        most = max(most, making)
        await asyncio.sleep(0.001)
        found = await everything(user)
        making -= 1
        return found

    monkeypatch.setattr(export, "everything", counted)
    paths = [DOCUMENT, DATA, "/mina-uppgifter/handelser.csv"] * 5
    answers = await asyncio.gather(*(visitor.client.get(path) for path in paths))

    assert {answer.status_code for answer in answers} == {200}
    assert most == 1


@pytest.mark.parametrize("format", ["html", "json"])
async def test_a_file_is_kept_by_no_cache_and_does_nothing_in_a_browser(
    visitor: Visitor, anna: User, format: str
) -> None:
    await visitor.log_in()
    answer = await visitor.client.post(EXPORT, data={"format": format}, follow_redirects=True)
    assert answer.headers["content-disposition"].endswith(f'mina-uppgifter.{format}"')
    assert answer.headers["content-security-policy"].endswith("; sandbox")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"

"""What ends all sessions ends the app too: its tokens, and the login it is in the middle of."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette

from models import (
    AppDevice,
    AppToken,
    BankIDIdentity,
    CustomerAccount,
    Membership,
    OutgoingMail,
    Totp,
    TwoFactor,
    User,
    app_device,
    operating,
)
from models.app_login import AppCode, AppLogin
from models.bankid_identity import Person
from tests.unit.conftest import (
    PASSWORD,
    Clock,
    Outbox,
    Visitor,
    a_user,
    an_account,
    code,
    plain,
)
from tests.unit.web.mobile.phone import ANDROID, Phone

pytestmark = pytest.mark.anyio
NEW = "tre röda paraplyer i hallen"
DETAILS, CREDENTIALS = "/mina-uppgifter", "/mina-uppgifter/inloggningsuppgifter"


@dataclass
class Scene:
    """Anna in her browser, with her phone beside her."""

    user: User
    browser: Visitor
    phone: Phone
    outbox: Outbox
    time: Clock
    secret: str  # of her authenticator app, if she has one
    new_visitor: Callable[[], Visitor]

    async def fresh(self) -> User:
        return await User.get(id=self.user.id)

    async def link(self, kind: str, to: str = "") -> str:
        """The path in the newest mail of this kind."""
        mail = (
            await OutgoingMail.filter(kind=kind, to=to or self.user.email).order_by("-id").first()
        )
        assert mail, f"no mail {kind}"
        text = plain(self.outbox.app.state.composer.compose(mail))
        (path,) = re.findall(r"https://minasidor\.example(/\S+/\S{40,})", text)
        return str(path)

    async def log_in(self, visitor: Visitor) -> None:
        page = await visitor.log_in()
        if self.secret:
            self.time.forward(minutes=1)
            page = await visitor.submit("/logga-in/kod", code=code(self.secret))
        assert page.path == "/kund/100200"
        self.time.forward(minutes=1)


async def password_changed(scene: Scene) -> None:
    fields = {"current_password": PASSWORD, "new_password": NEW, "repeated_password": NEW}
    page = await scene.browser.submit(f"{DETAILS}/losenord", **fields)
    assert "Lösenordet är ändrat." in page.response.text


async def password_reset(scene: Scene) -> None:
    visitor = scene.new_visitor()
    await visitor.submit("/glomt-losen", email=scene.user.email)
    await visitor.visit(await scene.outbox.link(scene.user.email))
    page = await visitor.submit("/aterstall-losen", password=NEW)
    assert page.heading == "Logga in"


async def two_factor_on(scene: Scene) -> None:
    secret = (await scene.browser.visit(CREDENTIALS)).texts("code")[0]
    page = await scene.browser.submit(CREDENTIALS, code=code(secret))
    assert "Tvåfaktorsautentisering är på." in page.response.text


async def two_factor_off(scene: Scene) -> None:
    fields = {"password": PASSWORD, "code": code(scene.secret)}
    page = await scene.browser.submit(f"{CREDENTIALS}/inaktivera", **fields)
    assert "Tvåfaktorsautentisering är inaktiverad." in page.response.text


async def two_factor_reset(scene: Scene) -> None:
    visitor = scene.new_visitor()
    await visitor.log_in()
    await visitor.submit("/aterstall-tvafaktor")
    page = await visitor.visit(await scene.outbox.link(scene.user.email))
    page = await visitor.submit("/aterstall-tvafaktor/ny", code=code(page.texts("code")[0]))
    assert "Tvåfaktorsautentiseringen är återställd." in page.response.text


async def not_me(scene: Scene) -> None:
    """Out of the mail about the app's own login."""
    visitor = scene.new_visitor()
    await visitor.visit(await scene.link("new_device"))
    page = await visitor.submit("/det-var-inte-jag")
    assert "Kontot är stängt." in page.text


async def frozen_by_operator(scene: Scene) -> None:
    assert await operating.freeze(await scene.fresh(), "Kim")


async def ended_by_operator(scene: Scene) -> None:
    ended = await operating.end_sessions(await scene.fresh(), "Kim")
    assert (ended.browsers, ended.apps) == (1, 1)


async def email_undone(scene: Scene) -> None:
    await scene.browser.submit(f"{DETAILS}/epost", email="anna@new.example")
    await scene.browser.visit(await scene.outbox.link("anna@new.example"))
    await scene.browser.submit("/bekrafta-epost")
    assert (await scene.fresh()).email == "anna@new.example"
    assert await AppDevice.exists(), "a change alone ends nothing"
    owner = scene.new_visitor()
    await owner.visit(await scene.link("email_replaced"))
    await owner.submit("/angra-epostbyte")
    assert (await scene.fresh()).email == scene.user.email


async def closed(scene: Scene) -> None:
    await scene.browser.submit(f"{DETAILS}/avsluta", password=PASSWORD)
    assert (await scene.fresh()).closes_at


async def not_us(scene: Scene) -> None:
    """An administrator of another customer account throws Anna out of it."""
    other = await an_account("100900", "4435027711", "Andra Bolaget AB")
    chief = await a_user("chef@example.com", email_confirmed_at=scene.time.now())
    for user in (chief, await scene.fresh()):
        _ = await Membership.admit(user, other)
    administrator = scene.new_visitor()
    await administrator.visit(await scene.link("new_member", "chef@example.com"))
    await administrator.submit("/det-var-inte-jag")
    assert not await Membership.exists(user_id=scene.user.id, customer_account_id=other.id)


async def bankid_removed(scene: Scene) -> None:
    person = Person("199001012385", "Anna", "Andersson")
    await BankIDIdentity.add(scene.user.id, person, scene.time.now())
    page = await scene.browser.submit(f"{CREDENTIALS}/ta-bort-bankid")
    assert "BankID är borttaget." in page.response.text


async def all_others_logged_out(scene: Scene) -> None:
    await scene.browser.submit("/mina-uppgifter/enheter/andra")


WITH_CODE = {two_factor_off, two_factor_reset}
HERE_IT_GOES_ON = {
    *(password_changed, two_factor_on, two_factor_off, bankid_removed),
    all_others_logged_out,
}
WAYS = (
    *(password_changed, password_reset, two_factor_on, two_factor_off, two_factor_reset),
    *(not_me, frozen_by_operator, ended_by_operator, email_undone, closed, not_us),
    *(bankid_removed, all_others_logged_out),
)


@pytest.fixture
async def scene(
    request: pytest.FixtureRequest,
    app: Starlette,
    account: CustomerAccount,
    visitor: Visitor,
    new_visitor: Callable[[], Visitor],
    phone: Phone,
    outbox: Outbox,
    time: Clock,
) -> Scene:
    user, secret = await a_user(email_confirmed_at=time.now()), ""
    _ = await Membership.admit(user, account)
    if request.param in WITH_CODE:
        await User.filter(id=user.id).update(two_factor=TwoFactor.UNANSWERED)
        totp = await Totp.pending(user)
        secret = totp.secret
        await totp.activate(await User.get(id=user.id), code(secret))
        time.forward(minutes=1)
    made = Scene(user, visitor, phone, outbox, time, secret, new_visitor)
    await made.log_in(visitor)
    await phone.log_in(**({"otp": code(secret)} if secret else {}))
    time.forward(minutes=1)
    return made


@pytest.mark.parametrize(
    ("scene", "way"), [(way, way) for way in WAYS], indirect=["scene"], ids=lambda way: way.__name__
)
async def test_the_app_is_out_at_once(
    scene: Scene, way: Callable[[Scene], Awaitable[None]], new_phone: Callable[..., Phone]
) -> None:
    phone, on_its_way = scene.phone, new_phone(ANDROID)
    with_code = {"otp": code(scene.secret)} if scene.secret else {}
    waiting = await on_its_way.ask(**with_code)
    half, _ = await AppLogin.start(await scene.fresh(), ANDROID, on_its_way.challenge, "Annas")
    scene.time.forward(seconds=30)
    assert await app_device.resume(phone.tokens["access_token"])

    await way(scene)

    assert await app_device.resume(phone.tokens["access_token"]) is None
    assert (await phone.refresh()).error == "invalid_grant"
    for model in (AppDevice, AppToken, AppCode, AppLogin):
        assert not await model.exists(), model
    assert (await on_its_way.redeem(waiting.json["authorization_code"])).error == "invalid_grant"
    again = await on_its_way.ask(auth_session=half, otp="123456")
    assert again.error == "invalid_session"
    assert not await OutgoingMail.exists(kind="app_reused"), "nobody has stolen anything"
    here = await scene.browser.visit(DETAILS)
    assert (here.path == DETAILS) is (way in HERE_IT_GOES_ON)


@pytest.mark.parametrize("scene", [closed], indirect=True)
async def test_undoing_the_closing_logs_no_app_in_again(scene: Scene) -> None:
    await closed(scene)
    await scene.browser.log_in()
    await scene.browser.submit("/mina-uppgifter/avsluta/angra")
    assert not (await scene.fresh()).closes_at

    assert (await scene.phone.refresh()).error == "invalid_grant"
    assert await scene.phone.log_in()

"""Customers and users to try the portal with; the README lists them. Never in production."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from tortoise import Tortoise

from models import (
    Address,
    AppDevice,
    BankIDIdentity,
    ClaimPolicy,
    CustomerAccount,
    EmailLink,
    Membership,
    OutgoingMail,
    Totp,
    TwoFactor,
    User,
    access,
    bankid_identity,
    clock,
    keys,
    passwords,
)
from models.access import Actor
from models.databases import atomic
from models.identity import How
from models.totp import State
from models.user import email_key
from web.bankid.simulator.persons import PERSONS

PASSWORD = "gul-tunna-vid-grinden"  # noqa: S105 - printed in the README
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"  # noqa: S105 - printed in the README


@dataclass(frozen=True)
class Customer:
    number: str
    organisation_number: str
    name: str
    contact: str = ""
    addresses: tuple[tuple[str, str, str], ...] = ()
    closed: bool = False
    policy: ClaimPolicy = ClaimPolicy.NOTIFY


CUSTOMERS = (
    Customer(
        "10234567",
        "4421013378",
        "Exempelbygg AB",
        "ekonomi@exempelbygg.example",
        (("Byggvägen 4", "111 11", "Stockholm"),),
        policy=ClaimPolicy.APPROVE,
    ),
    Customer(
        "10234568",
        "4435027711",
        "Norrsken Hotell & Konferens AB",
        "reception@norrsken.example",
        (
            ("Storgatan 1", "972 31", "Luleå"),
            ("Hamngatan 12", "972 32", "Luleå"),
            ("Fjällvägen 80", "984 99", "Pajala"),
        ),
    ),
    Customer(
        "10310020",
        "4450113057",
        "Bageri Kanelbullen HB",
        "hej@kanelbullen.example",
        (("Torget 3", "582 20", "Linköping"),),
    ),
    Customer(
        "10310021", "4001019803", "Lindgrens Måleri", "", (("Penselgränd 7", "722 11", "Västerås"),)
    ),
    Customer(
        "10400100",
        "4464201187",
        "Skogsbacken Bostadsrättsförening",
        "styrelsen@skogsbacken.example",
        (("Skogsbacken 1", "903 20", "Umeå"), ("Skogsbacken 2", "903 20", "Umeå")),
    ),
    Customer(
        "10400101",
        "4479310023",
        "Västkustens Fisk & Skaldjur AB",
        "kontor@vastfisk.example",
        (("Fiskhamnen 2", "414 58", "Göteborg"),),
    ),
    Customer(
        "10500500",
        "4485550174",
        "Åkeri Öst i Kalmar AB",
        "trafik@akeriost.example",
        (("Terminalvägen 9", "392 41", "Kalmar"),),
    ),
    Customer(
        "10500501",
        "4492228863",
        "Grönkulla Förskola ekonomisk förening",
        "",
        (("Ängsvägen 5", "241 32", "Eslöv"),),
    ),
    Customer(
        "10600001",
        "4423456781",
        "Storstadens Fastighetsförvaltning och Service i Mellansverige AB",
        "fakturor@storstaden.example",
        tuple((f"Kvarngatan {n}", "753 20", "Uppsala") for n in range(2, 26, 2)),
    ),
    Customer(
        "10600002",
        "4437001128",
        "Café Sju Sovare AB",
        "cafe@sjusovare.example",
        (("Prästgatan 7", "831 31", "Östersund"),),
    ),
    Customer(
        "10700777",
        "",
        "Kommunens Återbruk",
        "aterbruk@kommunen.example",
        (("Returvägen 1", "541 50", "Skövde"),),
    ),
    Customer("10800888", "4458880004", "Avslutade Affärer AB", "", (), closed=True),
)


@dataclass(frozen=True)
class Person:
    email: str
    given_name: str
    family_name: str
    accounts: tuple[str, ...]
    two_factor: bool
    bankid: str = ""  # one of the simulator's persons
    phone: str = ""  # with the app, logged in
    is_approved: bool = False  # by the administrator, where the policy asks for that


PEOPLE = (
    Person(
        "anna@exempelbygg.example",
        "Anna",
        "Andersson",
        ("10234567", "10310020", "10400100"),
        two_factor=False,
        bankid="anna",
        phone="Annas iPhone",
    ),
    Person("bo@norrsken.example", "Bo", "Bergström", ("10234568",), two_factor=True),
    Person(
        "doris@exempelbygg.example",
        "Doris",
        "Dahl",
        ("10234567",),
        two_factor=False,
        is_approved=True,
    ),
    Person("cecilia@exempelbygg.example", "Cecilia", "Ek", ("10234567",), two_factor=False),
)


async def fill() -> bool:
    """Fill a new database. False, and nothing is done, when there are customers already."""
    if await CustomerAccount.exists():
        return False
    password_hash = await passwords.hashed(PASSWORD)
    async with atomic():
        for customer in CUSTOMERS:
            await _add_customer(customer)
        for person in PEOPLE:
            await _add_person(person, password_hash)
        # Nobody is told of what was there from the beginning.
        await OutgoingMail.all().delete()
        await EmailLink.all().delete()
    return True


async def refill() -> None:
    """As new: every row of every table goes, and all sessions with them."""
    async with atomic():
        for model in Tortoise.apps["models"].values():
            await model.all().delete()
    _ = await fill()


async def _add_customer(customer: Customer) -> None:
    account = CustomerAccount(
        customer_number=customer.number,
        name=customer.name,
        contact_email=customer.contact,
        closed_at=clock.now() if customer.closed else None,
        claim_policy=customer.policy,
    )
    account.identify_by(customer.organisation_number)
    account.list_by(town for _, _, town in customer.addresses)
    await account.save()
    for street, postal_code, town in customer.addresses:
        _ = await Address.create(
            customer_account_id=account.id, street=street, postal_code=postal_code, town=town
        )


async def _add_person(person: Person, password_hash: str) -> None:
    now = clock.now()
    user = await User.create(
        email=person.email,
        email_key=email_key(person.email),
        email_confirmed_at=now,
        given_name=person.given_name,
        family_name=person.family_name,
        password_hash=password_hash,
        password_changed_at=now,
        created_at=now,
        two_factor=TwoFactor.ON if person.two_factor else TwoFactor.SKIPPED,
    )
    if person.two_factor:
        _ = await Totp.create(
            user_id=user.id,
            state=State.ACTIVE,
            secret_encrypted=keys.encrypt("totp", TOTP_SECRET, f"user:{user.id}"),
            created_at=now - timedelta(days=1),
            activated_at=now,
        )
    if person.bankid:
        played = PERSONS[person.bankid]
        proven = bankid_identity.Person(played.number, played.given_name, played.surname)
        await BankIDIdentity.add(user.id, proven, now)
    if person.phone:
        _ = await AppDevice.create(
            public_id=str(uuid.uuid4()),
            user_id=user.id,
            client_id="mittprezero-ios",
            name=person.phone,
            how=How.PASSWORD,
            created_at=now - timedelta(days=12),
            seen_at=now - timedelta(days=1),
            address="198.51.100.77",
        )
    for number in person.accounts:
        account = await CustomerAccount.get(customer_number=number)
        membership = await Membership.admit(user, account)
        if person.is_approved:
            _ = await access.approve(membership, Actor(operator="demo"))

"""Fills the database of the walkthroughs: `python -m tests.e2e.seed CUSTOMERS USERS`.

It is a program of its own, because the tests have no event loop to spare. Beside the demo data it
makes customers nobody has claimed, and users, every second one of them with two-factor; it prints
the users as JSON lines. They share a password: one hash for each would take longer than the rest.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from itertools import islice

import pyotp

from models import (
    Address,
    CustomerAccount,
    Membership,
    Totp,
    TwoFactor,
    User,
    clock,
    databases,
    keys,
    passwords,
)
from models.databases import atomic, migrations
from models.totp import State
from models.user import email_key
from tests.e2e.people import Customer, Member, customers, people
from web.development import demo
from web.settings import Settings


async def main(unclaimed: int, users: int) -> None:
    settings = Settings.from_env()
    keys.use(settings.secret_keys, settings.pepper)
    await migrations.migrate(settings.database_url)
    await databases.open(settings.database_url)
    try:
        await demo.fill()
        every = list(islice(customers(), unclaimed + users))
        password = next(people("kund")).password
        password_hash = await passwords.hashed(password)
        async with atomic():
            for customer in every:
                await _add_customer(customer)
            for n, person in enumerate(islice(people("kund"), users)):
                secret = pyotp.random_base32() if n % 2 else ""
                member = Member(replace(person, password=password), every[unclaimed + n], secret)
                await _add_member(member, password_hash)
                print(member.as_json())
    finally:
        await databases.close()


async def _add_customer(customer: Customer) -> None:
    account = CustomerAccount(
        customer_number=customer.number, name=customer.name, contact_email=customer.contact
    )
    account.identify_by(customer.organisation_number)
    account.list_by(["Stockholm"])
    await account.save()
    _ = await Address.create(
        customer_account_id=account.id,
        street="Provgatan 1",
        postal_code="111 11",
        town="Stockholm",
    )


async def _add_member(member: Member, password_hash: str) -> None:
    now, person = clock.now(), member.person
    user = await User.create(
        email=person.email,
        email_key=email_key(person.email),
        email_confirmed_at=now,
        given_name=person.given_name,
        family_name=person.family_name,
        password_hash=password_hash,
        password_changed_at=now,
        created_at=now,
        two_factor=TwoFactor.ON if member.secret else TwoFactor.SKIPPED,
    )
    if member.secret:
        _ = await Totp.create(
            user_id=user.id,
            state=State.ACTIVE,
            secret_encrypted=keys.encrypt("totp", member.secret, f"user:{user.id}"),
            created_at=now - timedelta(days=1),
            activated_at=now,
        )
    account = await CustomerAccount.get(customer_number=member.customer.number)
    account.contact_email = ""  # no mail about those who were there from the beginning
    _ = await Membership.admit(user, account)


if __name__ == "__main__":
    asyncio.run(main(*(int(argument) for argument in sys.argv[1:])))

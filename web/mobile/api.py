"""The app's API: who one is, the customer accounts one reaches, and one's devices.

Nothing here knows or changes which account a browser has open: each address names the one it is
about. `openapi.json` beside this file describes every request and answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from models import Address, AppDevice, CustomerAccount, Membership, members, switching
from models.customer_account import shown
from models.membership import Status
from models.permission import Permission
from web import claim, paging, sessions
from web.claim import ClaimForm
from web.customer_switch import SearchForm
from web.devices import NameForm
from web.forms import text
from web.mobile import clients, reading
from web.mobile.answers import NO_STORE, Problem, ok
from web.mobile.endpoints import AccountEndpoint, ApiEndpoint, account_of, principal_of

_MOST_PER_PAGE = 100


class Me(ApiEndpoint):
    """/api/v1/jag."""

    async def get(self, request: Request) -> Response:
        principal = principal_of(request)
        user = principal.user
        return ok(
            {
                "given_name": user.given_name,
                "family_name": user.family_name,
                "email": user.email or None,  # somebody else proved it to be theirs
                "email_confirmed": user.email_confirmed,
                "has_two_factor": user.has_two_factor,
                "has_password": user.has_password,
                "customer_account_count": await switching.count(user.id),
                "awaited_count": len(await Membership.awaited_by(user.id)),
                "device_id": principal.device_id,
            }
        )


@dataclass
class ListForm(SearchForm):
    per_sida: str = text(10)

    def validate(self) -> None:
        if self.per_sida and not 1 <= self.per_page <= _MOST_PER_PAGE:
            self.errors["per_sida"] = f"Ange ett antal från 1 till {_MOST_PER_PAGE}."

    @property
    def per_page(self) -> int:
        if not self.per_sida:
            return paging.PER_PAGE
        return int(self.per_sida) if re.fullmatch("[0-9]{1,3}", self.per_sida) else 0


class CustomerAccounts(ApiEndpoint):
    """/api/v1/kundkonton: Byt kund, and Lägg till kundkonto."""

    async def get(self, request: Request) -> Response:
        form = reading.query(request, ListForm)
        user_id, most = principal_of(request).user.id, form.per_page
        skip = paging.skipped(request, most)
        found = await switching.choices(user_id, form.q, skip=skip, most=most)
        return ok(
            {
                "customer_accounts": [
                    {
                        "customer_number": choice.customer_number,
                        "name": choice.name,
                        "towns": choice.towns,
                        "role": choice.role,
                        "status": Status.ACTIVE,
                        "is_favourite": choice.is_favourite,
                    }
                    for choice in found.rows
                ],
                "awaited": [
                    {**awaited, "status": Status.AWAITING_APPROVAL}
                    for awaited in await Membership.awaited_by(user_id)
                ],
                "total": found.count,
                "page": skip // most + 1,
                "pages": paging.page_count(found.count, most),
                "per_page": most,
            }
        )

    async def post(self, request: Request) -> Response:
        form = await reading.body(request, ClaimForm)
        if not await claim.is_open():
            raise _claims_closed()
        user_id = principal_of(request).user.id
        added = await claim.add(form, user_id, sessions.client(request))
        if added is None:
            raise Problem(422, "no-match", form.error)
        return self._added(request, *added)

    def _added(
        self, request: Request, account: CustomerAccount, membership: Membership
    ) -> Response:
        number = account.customer_number
        content = {
            "customer_number": number,
            "name": account.name,
            "role": membership.role,
            "status": membership.status,
        }
        if membership.is_awaiting:
            return ok(content, 202)
        if not membership.is_new:
            return ok(content)
        path = request.app.url_path_for("api:customer_account", customer_number=number)
        return ok(content, 201, {"Location": str(path)})


class OneCustomerAccount(AccountEndpoint):
    """/api/v1/kundkonton/{customer_number}: what the customer page shows."""

    permission = Permission.SEE_STANDING

    async def get(self, request: Request) -> Response:
        account = account_of(request)
        count = await members.count(account.id) if account.is_administrator else None
        return ok(
            {
                "customer_number": account.customer_number,
                "name": account.name,
                "organisation_number": shown(account.organisation_number),
                "addresses": await Address.of_account(account.id),
                "role": account.role,
                "requires_two_factor": account.requires_two_factor,
                "user_count": count.users if count else None,
            }
        )


class Devices(ApiEndpoint):
    """/api/v1/enheter: where the user is logged in with the app."""

    async def get(self, request: Request) -> Response:
        devices = await AppDevice.of_user(principal_of(request).user.id)
        return ok({"devices": [_told(request, device) for device in devices]})


class OneDevice(ApiEndpoint):
    """/api/v1/enheter/{device_id}: another name for it, or logging it out."""

    async def patch(self, request: Request) -> Response:
        form = await reading.body(request, NameForm)
        user_id, device_id = principal_of(request).user.id, str(request.path_params["device_id"])
        _ = await AppDevice.rename(user_id, device_id, form.name)
        device = await AppDevice.of_user_or_none(user_id, device_id)
        if device is None:
            raise _no_device()
        return ok(_told(request, device))

    async def delete(self, request: Request) -> Response:
        user_id, device_id = principal_of(request).user.id, str(request.path_params["device_id"])
        if not await AppDevice.end_one(user_id, device_id):
            raise _no_device()
        return Response(status_code=204, headers=NO_STORE)


def _told(request: Request, device: AppDevice) -> dict[str, Any]:
    return {
        "id": device.public_id,
        "name": device.name,
        "platform": clients.platform(device.client_id),
        "created_at": _rfc3339(device.created_at),
        "seen_at": _rfc3339(device.seen_at),
        "address": device.address,
        "is_this": device.public_id == principal_of(request).device_id,
    }


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _claims_closed() -> Problem:
    return Problem(
        403,
        "claims-closed",
        "Det går inte att lägga till kundkonton just nu. Ring oss så hjälper vi dig.",
    )


def _no_device() -> Problem:
    return Problem(404, "not-found", "Enheten finns inte. Den kan redan vara utloggad.")

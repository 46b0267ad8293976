"""Who may do what with a customer account: the one table that every page of it is checked against.

ASVS 8.1.1. What stands here is enforced in `web/customer_pages.py`, for the app in
`web/mobile/endpoints.py`, and by a test on every route.
"""

from __future__ import annotations

from enum import StrEnum


class Standing(StrEnum):
    """What somebody is to a customer account."""

    NOBODY = "nobody"  # of somebody else's account, and of one that does not exist
    AWAITING = "awaiting"
    MEMBER = "member"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """What a page under /kund/{customer_number}, or the API, lets whoever asks do."""

    SEE_STANDING = "see standing"  # the account, or that one waits to be let in
    LEAVE = "leave"
    SEE_USERS = "see users"
    ANSWER_CLAIMS = "answer claims"
    INVITE = "invite"
    CHANGE_USERS = "change users"  # administrators, removal
    SET_RULES = "set rules"  # policy of claims, two-factor
    SEE_EVENTS = "see events"
    REVIEW = "review"  # the yearly "Vilka har åtkomst?"


_ADMINISTRATOR = frozenset({Standing.ADMINISTRATOR})
_USERS = frozenset({Standing.MEMBER, Standing.ADMINISTRATOR})

ALLOWED: dict[Permission, frozenset[Standing]] = {
    Permission.SEE_STANDING: _USERS | {Standing.AWAITING},
    Permission.LEAVE: _USERS | {Standing.AWAITING},
    Permission.SEE_USERS: _ADMINISTRATOR,
    Permission.ANSWER_CLAIMS: _ADMINISTRATOR,
    Permission.INVITE: _ADMINISTRATOR,
    Permission.CHANGE_USERS: _ADMINISTRATOR,
    Permission.SET_RULES: _ADMINISTRATOR,
    Permission.SEE_EVENTS: _ADMINISTRATOR,
    Permission.REVIEW: _ADMINISTRATOR,
}

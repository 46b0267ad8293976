"""Every mail the product sends: one function each, its words in templates/mail/."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from functools import partial
from typing import Any, Protocol

from jinja2 import Environment

from models import OutgoingMail
from models.email_link import Purpose
from models.membership import Role, Status
from models.waiting import ANSWER_WITHIN
from web import browsers
from web.access_mails import ACCESS_MAILS
from web.mobile import clients
from web.notices import NOTICES
from web.rendering import date_and_time
from web.settings import Settings


class Paths(Protocol):
    def __call__(self, name: str, /, **params: Any) -> str: ...


class Composer:
    """Puts the words to a mail. Links stand on BASE_URL, never on a request's host."""

    def __init__(self, settings: Settings, templates: Environment, path: Paths) -> None:
        self.settings, self.templates, self.path = settings, templates, path

    def compose(self, mail: OutgoingMail) -> EmailMessage:
        """The message, ready to send. The Message-ID stays the same at every retry."""
        template, words = _words_of(mail.kind)
        context = {"base_url": self.settings.base_url, **words(self, mail.data)}
        message = EmailMessage()
        message["From"] = self.settings.mail_from
        message["To"] = _address(self.receiver(mail))
        subject = " ".join(self._fill(template, "subject.txt", context).split())
        # Names stand in subjects. EmailMessage decodes "=?...?=" (RFC 2047), line breaks included:
        # whoever is called so would write headers and text of their own.
        message["Subject"] = subject.replace("=?", "= ?")
        message["Date"] = format_datetime(mail.created_at)
        domain = parseaddr(self.settings.mail_from)[1].rpartition("@")[2] or "localhost"
        message["Message-ID"] = f"<{mail.message_id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
        message.set_content(self._fill(template, "txt", context))
        message.add_alternative(self._fill(template, "html", context), subtype="html")
        return message

    def receiver(self, mail: OutgoingMail) -> str:
        """The address it goes to; empty if there is none."""
        ours = {
            OutgoingMail.OPERATOR: self.settings.alarm_email,
            OutgoingMail.CUSTOMER_SERVICE: self.settings.support_email,
        }
        return ours.get(mail.to, mail.to)

    def link(self, name: str, token: str) -> str:
        return f"{self.settings.base_url}{self.path(name, token=token)}"

    def to_customer(self, name: str, data: dict[str, str]) -> str:
        """The address of a page of the customer account that the mail is about."""
        return self.settings.base_url + self.path(name, customer_number=data["customer_number"])

    def _fill(self, name: str, suffix: str, context: dict[str, Any]) -> str:
        return self.templates.get_template(f"mail/{name}.{suffix}").render(context).strip() + "\n"


def welcome(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To a new user: it names neither kundnummer nor company, the address may be a stranger's.

    Whoever was invited has proven it already: then it holds no link.
    """
    token = data["token"]
    link = composer.link("email_links:open_confirm_email", token) if token else ""
    return {
        "name": data["name"],
        "email": data["email"],
        "link": link,
        "days": _days(Purpose.CONFIRM_EMAIL),
    }


def confirm_email(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """'Skicka igen'."""
    link = composer.link("email_links:open_confirm_email", data["token"])
    return {"name": data["name"], "link": link, "days": _days(Purpose.CONFIRM_EMAIL)}


def new_administrator(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the customer account's contact address: somebody has become its first administrator."""
    return new_member(composer, data)


def new_member(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the administrators and the contact address: somebody has got access, or asks for it
    (that, to the contact address alone), and one click takes it away."""
    return {
        "waits": data.get("status") == Status.AWAITING_APPROVAL,
        "person_name": data["person_name"],
        "person_email": data["person_email"],
        "customer_account_name": data["customer_account_name"],
        "at": datetime.fromisoformat(data["at"]),
        "link": composer.link("email_links:open_notice", data["token"]),
        "days": _days(Purpose.NOT_US),
    }


def approval_asked(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the administrators: somebody waits for their yes or no."""
    link = composer.to_customer("members", data)
    return {**new_member(composer, data), "link": link}


def access(kind: str, composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To whom something was done about the access to a customer account."""
    words, told = ACCESS_MAILS[kind], {**data, "account": data["customer_account_name"]}
    return {
        "name": data["name"],
        "subject": words.subject.format_map(told),
        "happened": words.happened.format_map(told),
        "more": words.more.format_map(told),
        "button": words.button,
        "link": composer.to_customer(words.route, data) if words.button else "",
    }


def invitation(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the address that is invited: a user's, or not yet. Without an inviter it was we."""
    return {
        "inviter_name": data["inviter_name"] or composer.settings.brand,
        "customer_account_name": data["customer_account_name"],
        "administrator": data["role"] == Role.ADMINISTRATOR,
        "link": composer.link("invitations:open", data["token"]),
        "days": _days(Purpose.INVITATION),
    }


def review(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the administrators, once a year: 'Vilka har åtkomst?'."""
    return {
        "customer_account_name": data["customer_account_name"],
        "users": int(data["users"]),
        "link": composer.to_customer("review", data),
    }


def awaiting_too_long(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To customer service: somebody asked to be let in, and no administrator has answered."""
    return {
        "person": data["person"],
        # By number: an address may hold what a shell takes for commands.
        "command": f"minasidor customers approve {data['customer_number']} {data['user_id']}",
        "since": datetime.fromisoformat(data["since"]),
        "days": ANSWER_WITHIN.days,
        "customer_account_name": data["customer_account_name"],
        "customer_number": data["customer_number"],
        "administrators": data["administrators"].splitlines(),
    }


def reset_password(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """'Glömt lösen?'. It names neither kundnummer nor company, as the welcome mail."""
    return {
        "name": data["name"],
        "link": composer.link("password_reset:open_new_password", data["token"]),
        "minutes": int(Purpose.RESET_PASSWORD.lifetime.total_seconds()) // 60,
    }


def change_email(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To an address that a user wants to change to: it may be a stranger's."""
    return {
        "name": data["name"],
        "link": composer.link("email_links:open_confirm_email", data["token"]),
        "hours": _hours(Purpose.CHANGE_EMAIL),
    }


def email_in_use(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """'Du har redan ett konto': somebody wants the address for another one."""
    return {
        "name": data["name"],
        "email": data["email"],
        "registering": bool(data["registering"]),
        "link": f"{composer.settings.base_url}{composer.path('login')}",
    }


def email_replaced(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the address that a user had: it can undo the change, and does not learn the new one."""
    return {
        "name": data["name"],
        "at": datetime.fromisoformat(data["at"]),
        "link": composer.link("email_change:open_undo", data["token"]),
        "days": _days(Purpose.UNDO_EMAIL),
    }


def take_over_email(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To an address whose user never confirmed it: somebody registers with it."""
    return {
        "email": data["email"],
        "link": composer.link("email_takeover:open", data["token"]),
        "minutes": int(Purpose.TAKE_OVER_EMAIL.lifetime.total_seconds()) // 60,
    }


def reset_two_factor(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """'Återställ tvåfaktorsautentisering', to somebody who gave the right password."""
    return {
        "name": data["name"],
        "link": composer.link("two_factor_reset:open", data["token"]),
        "minutes": int(Purpose.RESET_TWO_FACTOR.lifetime.total_seconds()) // 60,
    }


def frozen(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To whom somebody has said 'Det var inte jag' for: the way back in."""
    return reset_password(composer, data)


def frozen_by_operator(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """The same where an operator has done so."""
    return reset_password(composer, data)


def notice(kind: str, composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """A security notice, with its 'Det var inte jag'."""
    words, told = NOTICES[kind], dict(data)
    for name in words.moments:
        told[name] = date_and_time(datetime.fromisoformat(data[name]))
    if "user_agent" in data:
        told["device"] = browsers.named(data["user_agent"])
    elif "app" in data:
        told["device"] = clients.named(data["app"])
    return {
        "name": data["name"],
        "notice": words,
        "happened": words.happened.format_map(told),
        "more": words.more.format_map(told),
        # None to an address that was never confirmed.
        "link": composer.link("email_links:open_notice", data["token"]) if data["token"] else "",
        "days": _days(Purpose.NOT_ME),
    }


def alarm(composer: Composer, data: dict[str, str]) -> dict[str, Any]:
    """To the operator, in English."""
    return {"subject": data["subject"], "text": data["text"]}


_KINDS: dict[str, Callable[[Composer, dict[str, str]], dict[str, Any]]] = {
    kind.__name__: kind
    for kind in (
        welcome,
        confirm_email,
        reset_password,
        reset_two_factor,
        frozen,
        change_email,
        email_in_use,
        email_replaced,
        take_over_email,
        frozen_by_operator,
        new_administrator,
        new_member,
        approval_asked,
        invitation,
        review,
        awaiting_too_long,
        alarm,
    )
}


def _words_of(kind: str) -> tuple[str, Callable[[Composer, dict[str, str]], dict[str, Any]]]:
    """The name of the mail's templates, and what fills them."""
    if kind in NOTICES:
        return "notice", partial(notice, kind)
    if kind in ACCESS_MAILS:
        return "access", partial(access, kind)
    return kind, _KINDS[kind]


def _days(purpose: Purpose) -> int:
    return purpose.lifetime.days


def _hours(purpose: Purpose) -> int:
    return int(purpose.lifetime.total_seconds()) // 3600


def _address(email: str) -> Address:
    """As a header may hold it: a domain with å, ä or ö in its ASCII form (RFC 5890)."""
    local, _, domain = email.rpartition("@")
    return Address(addr_spec=f"{local}@{domain.encode('idna').decode()}")

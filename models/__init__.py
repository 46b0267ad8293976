"""The domain: what a customer account, a user and a registration are and may do."""

from models.app_device import AppDevice, AppToken
from models.app_login import AppCode, AppLogin
from models.bankid_flow import BankIDFlow
from models.bankid_identity import BankIDIdentity
from models.customer_account import Address, ClaimPolicy, CustomerAccount
from models.email_link import EmailLink
from models.event import Event
from models.invitation import Invitation
from models.limits import Spent, SpentValue
from models.membership import Membership, Role, Status
from models.outgoing_mail import OutgoingMail
from models.recovery_code import RecoveryCode
from models.registration import Registration
from models.session import KnownDevice, LoginChallenge, Session
from models.switch import Switch
from models.totp import Totp
from models.user import TwoFactor, User

__all__ = [
    "Address",
    "AppCode",
    "AppDevice",
    "AppLogin",
    "AppToken",
    "BankIDFlow",
    "BankIDIdentity",
    "ClaimPolicy",
    "CustomerAccount",
    "EmailLink",
    "Event",
    "Invitation",
    "KnownDevice",
    "LoginChallenge",
    "Membership",
    "OutgoingMail",
    "RecoveryCode",
    "Registration",
    "Role",
    "Session",
    "Spent",
    "SpentValue",
    "Status",
    "Switch",
    "Totp",
    "TwoFactor",
    "User",
]

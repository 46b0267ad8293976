"""The `minasidor` command: what an operator does from a terminal."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models import ClaimPolicy, databases, keys
from web import log
from web.cli import customers, limits, purge, rekeying, server, users
from web.cli.output import Misused, Refused
from web.settings import PREFIX, SettingError, Settings

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

Command = Callable[[Settings, argparse.Namespace], int]

_DESCRIPTION = """\
MinaSidor, the operator's side.

Settings are read from the environment, MINASIDOR_...: docs/settings.md tells them all."""
_EPILOG = """\
exit status: 0 done; 1 not done, for what the file or the database holds; 2 not done, for a wrong
setting, a wrong option or a database that is away; 130 stopped by Ctrl+C"""
_IMPORT = """\
Create and update the customer accounts from a CSV file.

Its first line names the columns, in any order; others are ignored:
  kundnummer;organisationsnummer;namn;e-post;gatuadress;postnummer;ort
Separated by semicolons or commas; UTF-8 or Windows-1252. Several lines with one kundnummer are its
addresses and must agree on the rest. An empty organisationsnummer: by invitation only.

Every line is checked before anything is written. An account that was closed and is in the file
again is reopened."""
_REKEY = """\
Encrypt everything with the first of MINASIDOR_SECRET_KEYS, so that the others can be dropped.

While the portal runs, once it was restarted with the new key first; stopped on the way, the same
command again does the rest. docs/operate.md walks through it and through a new pepper."""
_POLICY = """\
Set what a right claim comes to where there is an administrator already.

  direct    let in, nobody is told
  notify    let in, and the administrators are told
  approve   waits until an administrator says yes"""
_APPOINT = """\
Make somebody administrator of a customer account. First make sure, with the company, who it is.

A user of the account becomes its administrator; a user without access is let in as administrator;
where no user has confirmed the address, an invitation is mailed to it."""
_KEY_MISSING = (
    f"a value was encrypted with a key that {PREFIX}SECRET_KEYS does not hold: put that key back,"
    " last in the list"
)
_LIFT = """\
Let somebody try again at once who has to wait. Several of the options can be combined.

  --user anna@example.com        login and code from the app
  --customer 10234567            registration with this kundnummer, also its four digits
  --address 203.0.113.7          everybody at this address, say an office
  --site                         claims slowed down for everybody"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status. What is wrong is one clear line on standard error."""
    options = _parser().parse_args(arguments)
    options.operator = (getattr(options, "operator", "") or _system_user())[:80]
    try:
        settings = _settings()
        log.set_up(development=settings.development)
        keys.use(settings.secret_keys, settings.pepper)
        command: Command = options.command
        return command(settings, options)
    except (SettingError, databases.Unavailable, Misused) as error:
        return _failed(error, 2)
    except Refused as error:
        return _failed(error, 1)
    except keys.UnknownKey:
        return _failed(SettingError(_KEY_MISSING), 2)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # into `head`, say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _settings() -> Settings:
    settings = Settings.from_env()
    try:
        _ = databases.config(settings.database_url)
    except ValueError:  # its own words could hold a part of the password
        raise SettingError(
            f"{PREFIX}DATABASE_URL cannot be read: it must look like sqlite:///folder/file.sqlite3"
            " or postgres://user:password@host/database (in the password, write / as %2F, @ as %40)"
        ) from None
    return settings


def _failed(error: Exception, status: int) -> int:
    sys.stdout.flush()
    print(f"minasidor: {error}", file=sys.stderr)
    return status


def _system_user() -> str:
    """Who sits at the terminal, also behind sudo."""
    if behind_sudo := os.environ.get("SUDO_USER"):
        return behind_sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _parser() -> argparse.ArgumentParser:
    # SUPPRESS: an option may stand before or after the command, and neither place undoes the other.
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--operator",
        metavar="NAME",
        default=argparse.SUPPRESS,
        help="who does it, for the event log (default: the system's user name)",
    )
    parser = argparse.ArgumentParser(
        prog="minasidor",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[common],
    )

    def add(to: _Commands, name: str, command: Command, text: str = "") -> argparse.ArgumentParser:
        doc = (command.__doc__ or "").partition("\n")[0]
        made = to.add_parser(
            name,
            help=doc,
            description=text or doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[common],
        )
        made.set_defaults(command=command)
        return made

    def group(name: str, text: str) -> _Commands:
        made = commands.add_parser(name, help=text, description=text)
        return made.add_subparsers(title="commands", required=True, metavar="COMMAND")

    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add(commands, "run", server.run)
    add(commands, "migrate", server.migrate)
    add(commands, "makemigrations", server.make_migrations).add_argument(
        "name", nargs="?", help="what the migration is to be called"
    )

    add(commands, "purge", purge.purge).add_argument(
        "--dry-run", action="store_true", help="only count what would be deleted"
    )

    add(commands, "rekey", rekeying.rekey, _REKEY).add_argument(
        "--new-pepper",
        action="store_true",
        help="instead, hash anew with a changed MINASIDOR_PEPPER; only while the portal is stopped",
    )

    made = add(commands, "import-customers", customers.import_customers, _IMPORT)
    made.add_argument("file", type=Path, metavar="FILE.csv")
    made.add_argument(
        "--skip-bad",
        action="store_true",
        help="leave the customers that have a bad line as they are, and import the others",
    )
    made.add_argument(
        "--close-missing",
        action="store_true",
        help="close the accounts that are not in the file; tells how many, and asks first",
    )
    made.add_argument("--yes", action="store_true", help="do not ask")

    of_customers = group(
        "customers", "See who has access to a customer account, and help when nobody there can."
    )

    def add_customer(name: str, command: Command, text: str = "") -> argparse.ArgumentParser:
        made = add(of_customers, name, command, text)
        made.add_argument("customer", metavar="KUNDNUMMER")
        return made

    add_customer("show", customers.show)
    add_customer("policy", customers.policy, _POLICY).add_argument(
        "policy", choices=[str(policy) for policy in ClaimPolicy]
    )
    add_customer("approve", customers.approve).add_argument("user", metavar="EMAIL|ID")
    add_customer("appoint", customers.appoint, _APPOINT).add_argument("email", metavar="EMAIL")

    of_users = group(
        "users", "Find a user, see the state of the user account, and shut or open it."
    )
    add(of_users, "find", users.find).add_argument(
        "text", metavar="TEXT", help="a part of the e-mail address or the name; a customer number"
    )
    for name, command in (
        ("show", users.show),
        ("freeze", users.freeze),
        ("unfreeze", users.unfreeze),
        ("end-sessions", users.end_sessions),
    ):
        add(of_users, name, command).add_argument("user", metavar="EMAIL|ID")

    of_limits = group("limits", "See and lift the limits on login, codes and claims.")
    add(of_limits, "show", limits.show).add_argument(
        "text", nargs="?", metavar="TEXT", help="an e-mail address, customer number or IP address"
    )
    made = add(of_limits, "lift", limits.lift, _LIFT)
    made.add_argument("--user", metavar="EMAIL")
    made.add_argument("--customer", metavar="KUNDNUMMER")
    made.add_argument("--address", metavar="IP")
    made.add_argument("--site", action="store_true")

    of_claims = group("claims", "Open and close registration with kundnummer and four digits.")
    add(of_claims, "open", limits.open_claims)
    add(of_claims, "close", limits.close_claims)
    return parser

"""How the BankID app on the same device is started: which browser gets which link.

A link on a page starts the app, and what the link says under `redirect` brings the user back.
Only where the way back surely ends in the same browser is it an address of ours: iOS opens https
addresses in the default browser, which without the session could not go on. Everywhere else the
user goes back alone, and the page that waits has found out meanwhile.

That address goes to BankID with the order, which puts it above the link's `redirect`. It never
stands in the link: whoever sends the link to somebody else would read the nonce in it, return in
their place, and be logged in as them.

The user agent is all we know of a browser, so two cases are taken for something else:
- Safari on an iPad says that it is on a Mac, and gets a desktop's link, which starts the app too.
- Browsers on iOS that call themselves Safari word for word (Brave, pages inside of some apps) get
  Safari's link, and may come back in another browser; that one is told to begin anew. Of our own
  app it is known: `in_app`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, urlencode

APP = "https://app.bankid.com/"  # iOS and Android hand it to the app
_SCHEME = "bankid:///"  # for programs on computers, and browsers that know no app links
_NOWHERE = "null"  # BankID's word for: stay in the app


class Browser(Enum):
    IOS_SAFARI = auto()
    IOS_CHROME = auto()
    IOS_FIREFOX = auto()
    IOS_OTHER = auto()  # pages inside of other apps as well
    ANDROID_CHROME = auto()  # and Edge
    ANDROID_OTHER = auto()
    OTHER_MOBILE = auto()
    DESKTOP = auto()


_IOS = re.compile(r"\((?:iPhone|iPad|iPod)\b")
# Whole: whoever adds a word of its own is another browser.
_SAFARI = re.compile(
    r"Mozilla/5\.0 \((?:iPhone|iPad|iPod)[^()]*\) AppleWebKit/[\d.]+ \(KHTML, like Gecko\)"
    r" Version/[\d.]+ Mobile/\w+ Safari/[\d.]+"
)
# App links came with Android 6. "wv" in the parentheses is a page inside of another app.
_ANDROID_CHROME = re.compile(
    r"Mozilla/5\.0 \(Linux; Android (?:[6-9]|[1-9]\d)\b(?:(?!; wv\b)[^()])*\) AppleWebKit/[\d.]+"
    r" \(KHTML, like Gecko\) Chrome/[\d.]+(?: Mobile)? Safari/[\d.]+(?: EdgA/[\d.]+)?"
)
_WAYS_BACK = {
    Browser.IOS_CHROME: "googlechromes://",
    Browser.IOS_FIREFOX: "firefox://",
}
_BY_SCHEME = (Browser.ANDROID_OTHER, Browser.OTHER_MOBILE, Browser.DESKTOP)


@dataclass(frozen=True)
class Launch:
    """How this browser starts the app on its own device."""

    browser: Browser

    @classmethod
    def of(cls, user_agent: str, *, in_app: bool = False) -> Launch:
        """`in_app`: MittPreZero waits for what is done here, so the page may be shown inside of it.

        There a page is called Safari and is not: an address would open beside the app that waits.
        """
        browser = _browser(user_agent)
        return cls(Browser.IOS_OTHER if in_app and browser is Browser.IOS_SAFARI else browser)

    @property
    def is_mobile(self) -> bool:
        """A phone or a tablet, so the app is probably on this device."""
        return self.browser is not Browser.DESKTOP

    @property
    def sends_return_url(self) -> bool:
        """Whether `auth` is to be told where the app brings the user back to."""
        return self.browser is Browser.IOS_SAFARI

    def address(self, auto_start_token: str, *, app: str = APP) -> str:
        """The address of the link that starts the app, for an order with this token.

        Another `app` stands for BankID's: the simulator's page, which opens in every browser.
        """
        base, redirect = app, _NOWHERE
        if app == APP:
            base = _SCHEME if self.browser in _BY_SCHEME else APP
            redirect = _WAYS_BACK.get(self.browser, _NOWHERE)
        query = {"autostarttoken": auto_start_token, "redirect": redirect}
        return f"{base}?{urlencode(query, safe='', quote_via=quote)}"


def _browser(user_agent: str) -> Browser:
    if _IOS.search(user_agent):
        if "CriOS/" in user_agent:
            return Browser.IOS_CHROME
        if "FxiOS/" in user_agent:
            return Browser.IOS_FIREFOX
        return Browser.IOS_SAFARI if _SAFARI.fullmatch(user_agent) else Browser.IOS_OTHER
    if "Android" in user_agent:
        found = _ANDROID_CHROME.fullmatch(user_agent)
        return Browser.ANDROID_CHROME if found else Browser.ANDROID_OTHER
    return Browser.OTHER_MOBILE if "Mobi" in user_agent else Browser.DESKTOP

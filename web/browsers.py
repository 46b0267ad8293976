"""What a browser is called: "Firefox på Windows", out of what it says of itself."""

from __future__ import annotations

from ua_parser import parse

_LONGEST = 300  # characters; sessions keep no more
UNKNOWN = "en okänd webbläsare"

# Only names that stand here are shown: what a browser says of itself is a stranger's text, and a
# thief's would stand in a mail from us ("Ring genast 08-…").
_BROWSERS = (
    *("Chrome", "Chromium", "DuckDuckGo", "Edge", "Firefox"),
    *("Opera", "Safari", "Samsung Internet", "Vivaldi"),
)
_SYSTEMS = {
    "Android": "Android",
    "Chrome OS": "Chromebook",
    "Debian": "Linux",
    "Fedora": "Linux",
    "Linux": "Linux",
    "Mac OS X": "Mac",
    "Ubuntu": "Linux",
    "Windows": "Windows",
}


def named(user_agent: str) -> str:
    """As it stands inside a sentence."""
    found = parse(user_agent[:_LONGEST])
    family = found.user_agent.family if found.user_agent else ""
    # "Chrome Mobile iOS" and "HeadlessChrome" are Chrome.
    browser = next((name for name in _BROWSERS if name in family), UNKNOWN)
    system = _SYSTEMS.get(found.os.family if found.os else "", "")
    if found.os and found.os.family == "iOS":
        device = found.device.family if found.device else ""
        system = "iPad" if device.startswith("iPad") else "iPhone"
    return f"{browser} på {system}" if system else browser


def titled(user_agent: str) -> str:
    """The same where it stands alone."""
    name = named(user_agent)
    return name[:1].upper() + name[1:]

"""`make guide`: writes instruktion/, a page and a PDF with pictures of the portal as it is now."""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.e2e import chromium
from tests.walkthrough.guide.build import Wrong, build
from tests.walkthrough.stage import own_stage
from web.settings import ROOT, SettingError, Settings

_ABOUT = """\
Writes the customers' illustrated instruction (in Swedish) as HTML and as PDF. Company, contact and
address come from the settings: MINASIDOR_BRAND, MINASIDOR_SUPPORT_PHONE, MINASIDOR_SUPPORT_EMAIL,
MINASIDOR_SUPPORT_HOURS, MINASIDOR_POSTAL_ADDRESS and MINASIDOR_BASE_URL.
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make guide", description=_ABOUT)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "instruktion", help="folder (default: instruktion)"
    )
    options = parser.parse_args()
    try:
        settings = read_settings()
        with own_stage() as stage, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium.path(), args=["--no-sandbox"]
            )
            written = build(options.output, stage, browser, settings)
            browser.close()
    except (SettingError, Wrong) as error:
        print(error, file=sys.stderr)
        return 1
    if not written.address:
        print("The instruction names no address: set MINASIDOR_BASE_URL to the portal's.")
    print(f"{written.index}\n{written.pdf} ({written.pages} pages)")
    return 0


def read_settings() -> Settings:
    """Those of the environment. No secret is needed, so none is asked for or made."""
    unneeded = {
        f"MINASIDOR_{name}": secrets.token_urlsafe(33) for name in ("SECRET_KEYS", "PEPPER")
    }
    return Settings.from_env({**unneeded, **os.environ})


if __name__ == "__main__":
    sys.exit(main())

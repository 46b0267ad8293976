"""The servers' logs of the whole run, read last: no secret is in them, and nothing broke."""

from __future__ import annotations

import re
from pathlib import Path

from tests.e2e.portal import Portal
from tests.e2e.visitor import Watch

_FEWEST = 4  # characters: what is shorter is no secret but a slip


def test_the_log_holds_no_secret_and_no_traceback(
    portal: Portal, watch: Watch, logs: list[Path]
) -> None:
    secrets = {secret for secret in watch.secrets if len(secret) >= _FEWEST}
    text = "\n".join(path.read_text() for path in logs)
    # Process ids and durations are numbers that may be anybody's.
    text = re.sub(r"server process \[\d+\]|\bms=[\d.]+", "", text)
    words = set(re.findall(r"[^\s'\"=,;\[\](){}]+", text))

    found = {secret for secret in secrets if _is_in(secret, text, words)}

    assert not found, f"in the log: {found}"
    broken = [text[at.start() - 300 : at.start() + 3000] for at in re.finditer("Traceback", text)]
    assert not broken, broken[0]
    assert "registration.AccountDetails" in text, "the log is that of the walkthroughs"


def _is_in(secret: str, text: str, words: set[str]) -> bool:
    # A short one counts where it stands alone, a long one anywhere.
    return secret in words if len(secret) < 8 else secret in text

"""Where the reference client keeps what a phone has Keychain or Keystore for."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


class Safe:
    """A file of its user alone, one for each portal: it holds the refresh token."""

    def __init__(self, url: str) -> None:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        self.file = Path(state, "mittprezero", quote(url, safe=""))

    def read(self) -> str:
        return self.file.read_text() if self.file.exists() else ""

    def write(self, token: str) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.file.with_name(f"{self.file.name}.new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.file)  # the old one or the new one, also if the power fails

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)

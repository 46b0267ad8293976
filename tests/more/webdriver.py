"""Browsers that Playwright does not drive as they are installed: Firefox and WebKitGTK.

Both understand WebDriver. WebKitGTK's driver takes it over HTTP; Firefox takes the same commands
over a socket of its own (Marionette), so that no further driver is needed.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from tests.ports import free_port

Found = TypeVar("Found")

_PATIENCE = 15.0  # seconds, for whatever is waited for
# So high that nothing has to be scrolled: WebKitGTK's driver finds nothing below the fold.
_WIDTH, _HEIGHT = 1280, 2400
ESCAPE = "\ue00c"  # as WebDriver calls it
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name of a reference to an element


class WebDriverError(Exception):
    """What the browser answered in place of doing it."""


class Browser(ABC):
    """What a visitor does: go, look, click, type. All that is looked for is waited for."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder, self.held = folder, ExitStack()

    @abstractmethod
    def call(self, command: str, **parameters: Any) -> Any:
        """One of the commands of WebDriver. Raises WebDriverError."""

    def quit(self) -> None:
        self.held.close()

    def start(self, *command: object, display: str = "", pass_fds: Sequence[int] = ()) -> None:
        """A program that ends with the browser. It gets a home of its own, and is Swedish."""
        env = {**os.environ, "HOME": str(self.folder), "LANG": "sv_SE.UTF-8"}
        env |= {"DISPLAY": display} if display else {}
        log = self.held.enter_context((self.folder / f"{self.name}.log").open("a"))
        words = [str(word) for word in command]
        process = subprocess.Popen(words, stdout=log, stderr=log, env=env, pass_fds=pass_fds)
        self.held.enter_context(process)  # which waits for its end
        self.held.callback(process.terminate)

    @property
    def path(self) -> str:
        return str(self.run("return location.pathname"))

    def go(self, address: str) -> None:
        self.call("Navigate", url=address)

    def run(self, script: str) -> Any:
        return _value(self.call("ExecuteScript", script=script, args=[]))

    def find(self, xpath: str) -> str:
        """The element that is seen there."""

        def visible() -> str | None:
            found = _value(self.call("FindElement", using="xpath", value=xpath))[_ELEMENT]
            return found if _value(self.call("IsElementDisplayed", id=found)) else None

        return str(wait_for(visible, f"{self.name} shows {xpath}"))

    def click(self, xpath: str) -> None:
        self._use(xpath, "ElementClick")

    def button(self, text: str) -> None:
        self.click(f"//main//button[normalize-space()='{text}']")

    def type(self, label: str, text: str) -> None:
        """Into the field of this label."""
        field = f"//input[@id=//label[normalize-space()='{label}']/@for]"
        self._use(field, "ElementSendKeys", text=text)

    def press(self, key: str) -> None:
        """A key, in whatever has focus."""
        taps = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        actions = [{"type": "key", "id": "keyboard", "actions": taps}]
        self.call("PerformActions", actions=actions)

    def shows(self, condition: str, meaning: str) -> None:
        """Wait until this JavaScript expression is true of the page."""
        wait_for(lambda: self.run(f"return Boolean({condition})"), f"{self.name}: {meaning}")

    def picture(self, xpath: str) -> bytes:
        """What the screen shows, with this element in sight: a PNG file."""
        element = {_ELEMENT: self.find(xpath)}
        into_sight = "arguments[0].scrollIntoView({ block: 'center' })"
        self.call("ExecuteScript", script=into_sight, args=[element])
        return base64.b64decode(_value(self.call("TakeScreenshot", full=False)))

    def _use(self, xpath: str, command: str, **parameters: Any) -> None:
        """Once more, if the browser finds that it cannot be used yet."""

        def used() -> bool:
            self.call(command, id=self.find(xpath), **parameters)
            return True

        wait_for(used, f"{self.name} can use {xpath}")


class Firefox(Browser):
    name = "Firefox"

    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(folder)
        port, self._sent = free_port(), 0
        preferences = {"marionette.port": port, "browser.startup.page": 0}
        lines = (f'user_pref("{key}", {json.dumps(to)});\n' for key, to in preferences.items())
        (folder / "user.js").write_text("".join(lines))
        self.start(program, "--headless", "--marionette", "--new-instance", "--profile", folder)
        connection = wait_for(lambda: _connected(port), "Firefox listens")
        self._stream = self.held.enter_context(connection).makefile("rwb")
        self.held.enter_context(self._stream)
        self._read()  # what it is
        self.call("NewSession", acceptInsecureCerts=True)

    def call(self, command: str, **parameters: Any) -> Any:
        self._sent += 1
        message = json.dumps([0, self._sent, f"WebDriver:{command}", parameters]).encode()
        self._stream.write(b"%d:%b" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self._read()
        if error:
            raise WebDriverError(f"{error['error']}: {error['message']}")
        return result

    def _read(self) -> Any:
        length = b""
        while (byte := self._stream.read(1)) not in (b":", b""):
            length += byte
        return json.loads(self._stream.read(int(length)))


class WebKit(Browser):
    """WebKitGTK's MiniBrowser, with Safari's engine. It wants a screen: DISPLAY, or Xvfb's."""

    name = "WebKitGTK"
    _PATHS: ClassVar = {
        "NewSession": ("POST", ""),
        "SetWindowRect": ("POST", "/window/rect"),
        "Navigate": ("POST", "/url"),
        "ExecuteScript": ("POST", "/execute/sync"),
        "FindElement": ("POST", "/element"),
        "IsElementDisplayed": ("GET", "/element/{id}/displayed"),
        "ElementClick": ("POST", "/element/{id}/click"),
        "ElementSendKeys": ("POST", "/element/{id}/value"),
        "PerformActions": ("POST", "/actions"),
        "TakeScreenshot": ("GET", "/screenshot"),
        "DeleteSession": ("DELETE", ""),
    }

    def __init__(self, driver: str, browser: str, folder: Path) -> None:
        super().__init__(folder)
        port, display = free_port(), os.environ.get("DISPLAY") or self._screen()
        self._session = f"http://127.0.0.1:{port}/session"
        self.start(driver, f"--port={port}", display=display)
        wait_for(lambda: _connected(port), "WebKitWebDriver listens").close()
        options = {"binary": browser, "args": ["--automation"]}
        wanted = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        made = self.call("NewSession", capabilities={"alwaysMatch": wanted})
        self._session += f"/{_value(made)['sessionId']}"
        self.call("SetWindowRect", x=0, y=0, width=_WIDTH, height=_HEIGHT)

    def call(self, command: str, **parameters: Any) -> Any:
        method, path = self._PATHS[command]
        address = self._session + path.format(**parameters)
        body = json.dumps(parameters).encode() if method == "POST" else None
        request = urllib.request.Request(address, body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            why = json.load(refused)["value"]
            raise WebDriverError(f"{why['error']}: {why['message']}") from None

    def quit(self) -> None:
        try:
            self.call("DeleteSession")
        finally:
            super().quit()

    def _screen(self) -> str:
        """One that nobody sees."""
        number = self.folder / "screen"
        with number.open("w") as told:
            size = ("-screen", "0", f"{_WIDTH}x{_HEIGHT}x24", "-nolisten", "tcp")
            self.start("Xvfb", "-displayfd", told.fileno(), *size, pass_fds=[told.fileno()])
        return ":" + wait_for(lambda: number.read_text().strip(), "Xvfb has a screen")


def wait_for(look: Callable[[], Found | None], meaning: str) -> Found:
    """What is found in the end; a page that is just being exchanged is looked at again."""
    deadline, why = time.monotonic() + _PATIENCE, ""
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except (WebDriverError, OSError) as error:
            why = f" ({error})"
        time.sleep(0.05)
    raise AssertionError(f"not so: {meaning}{why}")


def _value(answer: Any) -> Any:
    return answer["value"]


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection

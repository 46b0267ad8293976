"""html-validate reads every gallery state: what may stand in what, attributes, names.

That the HTML is well formed is seen by the unit tests already; this is about what it says.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.more.conftest import Say, program
from tests.unit.conftest import settings
from web.app import create_app
from web.development import gallery

_CONFIGURATION = {
    "root": True,
    "extends": ["html-validate:standard", "html-validate:a11y"],
    "rules": {
        # A list may have a name, as that of the steps has.
        "aria-label-misuse": ["error", {"allowAnyNamable": True}],
        "no-inline-style": "error",
    },
}
# Mail programs want these.
_IN_MAIL = {"no-deprecated-attr", "no-inline-style"}


def test_every_state_is_valid_html(tmp_path: Path, say: Say) -> None:
    how = "npm install --global html-validate"
    validator = program("html-validate", variable="HTML_VALIDATE_PATH", how=how)
    app = create_app(settings(env="development", demo=True, base_url="http://localhost"))
    states = {state.name: state for state in gallery.states()}
    for name, state in states.items():
        (tmp_path / f"{name.replace('/', '+')}.html").write_text(state.render(app))
    (tmp_path / "configuration.json").write_text(json.dumps(_CONFIGURATION))
    say(f"html-validate: {len(states)} states")
    command = [validator, "--config", "configuration.json", "--formatter", "json", "*.html"]
    report = tmp_path / "report.json"
    with report.open("w") as output:  # a pipe loses the end of a long report
        subprocess.run(command, cwd=tmp_path, stdout=output, check=False)
    wrong = [
        f"{name}, line {found['line']}: {found['message']} ({found['ruleId']})"
        for file in json.loads(report.read_text())
        for name in [re.sub(r".*/|\.html$", "", file["filePath"]).replace("+", "/")]
        for found in file["messages"]
        if not (_is_mail(states[name]) and found["ruleId"] in _IN_MAIL)
    ]
    assert not wrong, "\n".join(wrong)


def _is_mail(state: gallery.State) -> bool:
    return state.template.startswith(("mail/", "components/mail"))

"""The pictures of this run beside those of the run before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from tests.walkthrough import pictures
from tests.walkthrough.pictures import Box
from tests.walkthrough.recording import FlowSeen, Seen, as_plain

THRESHOLD = 0.1  # per cent of the picture's pixels
_NOTICED = 24  # of 255: less is not seen
_MAGENTA = (214, 0, 130)


class Album:
    """The pictures of each flow and device, and those that they took the place of."""

    def __init__(self, folder: Path, threshold: float = THRESHOLD) -> None:
        self.folder, self.threshold = folder, threshold

    def pictures(self, slug: str) -> Path:
        return self.folder / "bilder" / slug

    def turn_page(self, slug: str) -> Path:
        """Make what is there the run before, if it got to its end; an empty folder for this one."""
        now, before = self.pictures(slug), self.folder / "tidigare" / slug
        if _read(now).get("finished"):
            shutil.rmtree(before, ignore_errors=True)
            before.parent.mkdir(parents=True, exist_ok=True)
            now.rename(before)
        shutil.rmtree(now, ignore_errors=True)
        shutil.rmtree(self.folder / "skillnader" / slug, ignore_errors=True)
        now.mkdir(parents=True)
        return now

    def keep(self, flow: FlowSeen, fingerprint: str) -> None:
        """Compare, and write down what the next run needs to compare with this one."""
        before = _read(self.folder / "tidigare" / flow.slug)
        known: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for one in before.get("steps", []):
            known.setdefault((one["sentence"], one["heading"]), []).append(one)
        for step in flow.steps:
            alike = known.get((step.sentence, step.heading))
            old = alike.pop(0) if alike else None  # a flow may say the same thing twice
            if not step.picture:
                continue
            if not old or not old["picture"]:
                step.change = "new"
            elif before["fingerprint"] != fingerprint:
                step.change = "other_browser"
            else:
                self._compare(flow.slug, step, old)
        plain = {**as_plain(flow), "fingerprint": fingerprint}
        (self.pictures(flow.slug) / "flow.json").write_text(
            json.dumps(plain, ensure_ascii=False, indent=2) + "\n"
        )

    def _compare(self, slug: str, step: Seen, old: dict[str, Any]) -> None:
        name = Path(old["picture"]).name
        now = Image.open(self.folder / step.picture).convert("RGB")
        then = Image.open(self.folder / "tidigare" / slug / name).convert("RGB")
        scale = now.width / step.width
        masks = [*step.masks, *(Box(**mask) for mask in old["masks"])]
        share, drawn = difference(then, now, masks, scale)
        step.changed_share = round(share, 3)
        step.change = "changed" if share > self.threshold else "same"
        if step.change == "changed":
            path = self.folder / "skillnader" / slug / Path(step.picture).name
            path.parent.mkdir(parents=True, exist_ok=True)
            drawn.save(path)
            step.changed_picture = str(path.relative_to(self.folder))


def difference(
    then: Image.Image, now: Image.Image, masks: list[Box], scale: float
) -> tuple[float, Image.Image]:
    """Per cent of the pixels that differ, and a pale picture in which they stand out."""
    size = (max(then.width, now.width), max(then.height, now.height))
    both = [pictures.masked(_on_canvas(picture, size), masks, scale) for picture in (then, now)]
    red, green, blue = ImageChops.difference(*both).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    changed = most.point([255 if value > _NOTICED else 0 for value in range(256)])
    share = 100 * changed.histogram()[255] / (size[0] * size[1])
    pale = Image.blend(both[1], Image.new("RGB", size, "white"), 0.65)
    pale.paste(_MAGENTA, mask=changed)
    return share, pale


def _on_canvas(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture)
    return canvas


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "flow.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}

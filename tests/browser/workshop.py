"""The view's one module in an empty page, where a test can use its parts by hand."""

from typing import Any

from bench.classroom.page import module
from browser.views import View

PARTS = (
    "ENGLISH",
    "HostsPicture",
    "KOREAN",
    "Model",
    "Player",
    "findings",
    "lessonPhase",
    "mount",
    "words",
)
LOAD = """
async (text) => {
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  globalThis.parts = await import(address);
  URL.revokeObjectURL(address);
}
"""
PLACE = """
([scene, side, width, height]) => {
  const canvas = document.createElement("canvas");
  canvas.style.cssText = `display: block; width: ${width}px; height: ${height}px`;
  document.body.append(canvas);
  const model = new parts.Model();
  model.take(scene);
  const picture = new parts.HostsPicture(canvas, parts.words("en"));
  picture.draw(model.sides[side], scene);
  const places = scene.hosts.map((_, host) => picture.placeOf(host));
  picture.close();
  canvas.remove();
  return places;
}
"""


class Workshop:
    """An empty page with `parts`: what the joined module's parts export."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.page = view.page

    async def load(self) -> None:
        await self.page.evaluate(LOAD, f"{module()}\nexport {{ {', '.join(PARTS)} }};")

    async def run(self, script: str, given: Any = None) -> Any:
        """Return what a function returns, which finds `parts`."""
        return await self.page.evaluate(script, given)

    async def place(
        self, scene: dict[str, Any], side: str, host: int, width: float, height: float
    ) -> tuple[float, float]:
        """Where a host is drawn on a side's canvas of this size, in CSS pixels."""
        index = [one["name"] for one in scene["sides"]].index(side)
        places = await self.page.evaluate(PLACE, [scene, index, width, height])
        return places[host]["x"], places[host]["y"]

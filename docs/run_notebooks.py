"""Runs notebooks, all or those named, and keeps their output small: pictures in 128 colours."""

import base64
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from PIL import Image

COLOURS = 128
STATES = "application/vnd.jupyter.widget-state+json"


def smaller(picture: str) -> str:
    """Return a PNG (base64, as notebooks hold it) with a palette."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    page = io.BytesIO()
    image.quantize(COLOURS).save(page, "png", optimize=True)
    return base64.b64encode(page.getvalue()).decode("ascii")


def run(path: Path) -> None:
    """Run a notebook in a folder of its own, and write it back with its output."""
    notebook = nbformat.read(path, as_version=4)
    with TemporaryDirectory() as folder:
        where = {"metadata": {"path": folder}}
        NotebookClient(notebook, record_timing=False, resources=where).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
    states = notebook.metadata.get("widgets", {}).get(STATES, {}).get("state", {})
    if any(one["model_module"] == "anywidget" for one in states.values()):
        del notebook.metadata["widgets"]  # a program's whole text, and dead without its kernel
    nbformat.write(notebook, path)


def main() -> None:
    """Run them; to be started in the project's folder."""
    named = [Path(name) for name in sys.argv[1:]]
    for path in named or sorted(Path("notebooks").glob("*.ipynb")):
        print(path)
        run(path)


if __name__ == "__main__":
    main()

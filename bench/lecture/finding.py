"""What came of a claim: its data and the verdict on them; kept in a folder, and read again."""

from __future__ import annotations

import io
import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.claims import find
from bench.errors import BenchError
from bench.lecture.claim import Claim, Data, Judgement
from bench.lecture.page import image, sentences, table, verdict_box
from bench.lecture.stage import Stage
from bench.meta import CLAIM_RECORD, collect_meta
from bench.plots.style import DPI, SIZE, notebook_axes, roomy
from bench.table import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELL_DPI = 90
"""A notebook's cell is narrower than a projector's screen."""
COLOURS_KEPT = 128
"""Colours of a small picture's palette: a third of the bytes, and no difference to see."""


class FindingError(BenchError, ValueError):
    """A folder that holds no finding: one line that says what was expected."""


@dataclass(repr=False)
class Finding:
    """A claim that was measured. `data` has its frames, `judgement` the verdict on them."""

    claim: Claim
    data: Data
    meta: dict[str, Any] = field(default_factory=dict)
    """The settings, how long it took, versions and machine."""
    path: Path | None = None

    @property
    def judgement(self) -> Judgement:
        """The verdict, computed from the data."""
        return self.claim.judge(self.data)

    @property
    def again(self) -> str:
        """The command that measures it again."""
        usual, settings = self.claim.settings(), self.meta.get("settings", {})
        changed = [
            f"--set {shlex.quote(f'{name}={_text(settings[name])}')}"
            for name in usual
            if _text(settings.get(name, usual[name])) != _text(usual[name])
        ]
        return " ".join(["bench claim", self.claim.name, *changed])

    def rows(self) -> Rows:
        """The table that people read: heads and texts."""
        return self.claim.tabulate(self.data)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the picture, on new axes unless some are given."""
        ax = notebook_axes() if ax is None else ax
        self.claim.draw(self.data, ax)
        return ax

    def small_png(self, dpi: int = DPI) -> bytes:
        """The picture as a PNG file with a palette, for a page."""
        from PIL import Image

        page, small = io.BytesIO(), io.BytesIO()
        self._figure().savefig(page, format="png", dpi=dpi)
        picture = Image.open(page).convert("RGB")
        picture.quantize(COLOURS_KEPT).save(small, "png", optimize=True)
        return small.getvalue()

    def _figure(self) -> Figure:
        """The picture in a figure that is not pyplot's, so that none stays open."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=SIZE, layout=roomy(), facecolor="white")
        self.plot(figure.subplots())
        return figure

    def notes(self) -> list[str]:
        """The lines that belong beside the table."""
        claim, judgement = self.claim, self.judgement
        return [
            f"{claim.name}: {claim.english}",
            claim.korean,
            f"Hypothesis: {claim.hypothesis}",
            f"Measured: {claim.method}",
            f"Verdict: {judgement}. {judgement.because}",
        ]

    def save(self, directory: str | Path) -> Path:
        """Write the frames, the picture and the verdict into `directory`, and return it.

        Raises FindingError.
        """
        folder = Path(directory)
        judgement = self.judgement
        record = {
            "claim": self.claim.name,
            "verdict": judgement.verdict,
            "condition": judgement.condition,
            "because": judgement.because,
            "again": self.again,
            "frames": list(self.data),
            "meta": self.meta,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, frame in self.data.items():
                frame.to_parquet(folder / f"{name}.parquet", engine="pyarrow")
            self._draw_into(folder)
            text = json.dumps(record, indent=2, ensure_ascii=False)
            folder.joinpath(CLAIM_RECORD).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            reason = error.strerror or error
            raise FindingError(f"{folder}: cannot be written: {reason}") from None
        self.path = folder
        return folder

    def _draw_into(self, folder: Path) -> None:
        """Write the picture: the same data give the same SVG, byte for byte."""
        from matplotlib import rc_context

        figure, name = self._figure(), self.claim.name
        figure.savefig(folder / f"{name}.png", dpi=DPI)
        with rc_context({"svg.hashsalt": name}):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})

    def __repr__(self) -> str:
        return f"<Finding: {self.claim.name} {self.judgement}, {self.path or 'not saved'}>"

    def _repr_html_(self) -> str:
        claim, judgement = self.claim, self.judgement
        frames = ", ".join(f'data["{name}"] ({len(own)} rows)' for name, own in self.data.items())
        notes = [
            f"Hypothesis: {claim.hypothesis}",
            f"Measured: {claim.method}",
            f"Frames: {frames}; {self.path or 'not saved'}. Again: {self.again}",
        ]
        picture = image(self.small_png(CELL_DPI), judgement.because)
        paragraphs = "".join(f"<p>{escape(note)}</p>" for note in notes)
        return (
            f"<div>{sentences(claim, 'h3')}{verdict_box(judgement)}{picture}"
            f"{table(self.rows())}{paragraphs}</div>"
        )


def examine(
    claim: str | Claim,
    *,
    out: str | Path | None = None,
    progress: bool = False,
    jobs: int | None = None,
    **settings: Any,
) -> Finding:
    """Measure a claim and return what came of it; saved to the folder `out` if one is named.

    Settings may be text. Raises NoSuchClaimError, SettingError, TrialFailed, FindingError.
    """
    chosen = find(claim) if isinstance(claim, str) else claim
    finding = measure(chosen, Stage(progress=progress, jobs=jobs), settings)
    if out is not None:
        finding.save(out)
    return finding


def measure(claim: Claim, stage: Stage, settings: Mapping[str, Any]) -> Finding:
    """Measure a claim on a stage; nothing is saved. Raises SettingError, TrialFailed."""
    chosen = claim.read_settings(settings)
    begin = time.monotonic()
    meta = collect_meta() | {
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "settings": chosen,
    }
    data = claim.measure(stage, **chosen)
    meta["wall_s"] = round(time.monotonic() - begin, 3)
    return Finding(claim, data, meta)


def load_finding(directory: str | Path) -> Finding:
    """Read what `Finding.save` left in `directory`; the verdict is computed again.

    Raises FindingError, also where the claim has changed and its frames no longer tell it enough.
    """
    import pandas as pd

    folder = Path(directory)
    expected = f"{folder}: expected a folder that `bench claim` left"
    try:
        record = json.loads(folder.joinpath(CLAIM_RECORD).read_text(encoding="utf-8"))
        data = {
            name: pd.read_parquet(io.BytesIO(folder.joinpath(f"{name}.parquet").read_bytes()))
            for name in record["frames"]
        }
        finding = Finding(find(record["claim"]), data, dict(record["meta"]), folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FindingError(f"{expected}; {_line(error)}") from None
    try:
        finding.notes()
        finding.rows()
    except Exception as error:
        # Whatever a claim does with frames that it does not know, it is the folder that is old.
        raise FindingError(
            f"{expected}; this one is of another version of the claim "
            f"{finding.claim.name}: {_line(error)}"
        ) from None
    return finding


def _line(error: Exception) -> str:
    """An error in a line; of a missing key, its name."""
    if isinstance(error, OSError) and error.strerror:
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"there is no {text}" if isinstance(error, KeyError) else text


def _text(value: Any) -> str:
    """A setting as people write it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

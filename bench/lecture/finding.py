"""What came of a claim: its data and the verdict on them; shown, kept in a folder, read again."""

from __future__ import annotations

import json
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
from bench.lecture.stage import Stage
from bench.meta import collect_meta
from bench.plots.style import DPI, SIZE, notebook_axes, roomy
from bench.table import Rows, html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RECORD = "finding.json"


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
        given = {k: v for k, v in self.meta.get("settings", {}).items() if v is not None}
        usual = self.claim.settings()
        changed = {k: v for k, v in given.items() if v != usual.get(k)}
        return " ".join(["bench claim", self.claim.name, *_options(changed)])

    def rows(self) -> Rows:
        """The table that people read: heads and texts."""
        return self.claim.tabulate(self.data)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the picture, on new axes unless some are given."""
        ax = notebook_axes() if ax is None else ax
        self.claim.draw(self.data, ax)
        return ax

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
        from matplotlib.figure import Figure

        folder = Path(directory)
        judgement = self.judgement
        record = {
            "claim": self.claim.name,
            "verdict": str(judgement.verdict),
            "condition": judgement.condition,
            "because": judgement.because,
            "frames": list(self.data),
        } | self.meta
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, frame in self.data.items():
                frame.to_parquet(folder / f"{name}.parquet", engine="pyarrow")
            figure = Figure(figsize=SIZE, layout=roomy(), facecolor="white")
            self.plot(figure.subplots())
            for suffix in ("png", "svg"):
                figure.savefig(folder / f"{self.claim.name}.{suffix}", dpi=DPI)
            text = json.dumps(record, indent=2, ensure_ascii=False)
            folder.joinpath(RECORD).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise FindingError(f"{folder}: cannot be written: {error.strerror}") from None
        self.path = folder
        return folder

    def __repr__(self) -> str:
        return f"<Finding: {self.claim.name} {self.judgement}, {self.path or 'not saved'}>"

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.notes())
        return lines + html(self.rows(), [])


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
    claim = find(claim) if isinstance(claim, str) else claim
    chosen = claim.read_settings(settings)
    begin = time.monotonic()
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    data = claim.measure(Stage(progress=progress, jobs=jobs), **chosen)
    meta = collect_meta() | {
        "started": started,
        "settings": chosen,
        "wall_s": round(time.monotonic() - begin, 3),
    }
    finding = Finding(claim, data, meta)
    if out is not None:
        finding.save(out)
    return finding


def load_finding(directory: str | Path) -> Finding:
    """Read what `Finding.save` left in `directory`; the verdict is computed again.

    Raises FindingError.
    """
    import pandas as pd

    folder = Path(directory)
    try:
        meta = json.loads(folder.joinpath(RECORD).read_text(encoding="utf-8"))
        data = {name: pd.read_parquet(folder / f"{name}.parquet") for name in meta["frames"]}
        return Finding(find(meta["claim"]), data, meta, folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FindingError(
            f"{folder}: expected a folder that `bench claim` left; {reason}"
        ) from None


def _options(changed: Mapping[str, Any]) -> list[str]:
    def text(value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    return [f"--set {name}={text(value)}" for name, value in changed.items()]

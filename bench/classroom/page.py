"""The page of the demo: the view's parts joined into one ES module, and the HTML around it.

Nothing is fetched from anywhere else: a policy forbids it (CSP Level 3), in the server's answers
or, where a page is one file, in the page itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from graphlib import TopologicalSorter
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable

TITLE = "One file, two ways"
STYLES = ("picture.css", "desk.css", "bar.css", "screens.css")
DEMO = (
    '<div class="fsl-demo"></div>\n'
    '<noscript><p lang="en">This page needs JavaScript.</p>'
    '<p lang="ko">이 페이지를 보려면 JavaScript가 필요합니다.</p></noscript>'
)
"""The element that the view is built in."""
ICON = '<link rel="icon" href="data:,">'
"""None; without it a browser asks for one, and complains of a 404."""
_BARE = "html, body { margin: 0; padding: 0; }\n"
_IMPORT = re.compile(r'^import \{ \w+(?:, \w+)* \} from "\./([a-z]+\.js)";$')


def module() -> str:
    """Return the whole view as one ES module, as if its parts had been written in one file.

    Raises ValueError for an import that no part answers, CycleError for parts in a circle.
    """
    parts = {
        part.name: part.read_text("utf-8") for part in _view().iterdir() if part.name[-3:] == ".js"
    }
    needs = {name: _needed(name, parts) for name in sorted(parts)}
    return "\n".join(
        _without_seams(parts[name]) for name in TopologicalSorter(needs).static_order()
    )


def _needed(name: str, parts: dict[str, str]) -> list[str]:
    needed = []
    for line in parts[name].splitlines():
        if line.startswith("import "):
            found = _IMPORT.match(line)
            if found is None or found[1] not in parts:
                raise ValueError(f'{name}: {line}; expected import {{ … }} from "./part.js";')
            needed.append(found[1])
    return needed


def _without_seams(part: str) -> str:
    lines = [line for line in part.splitlines() if not line.startswith("import ")]
    return re.sub(r"^export (?!default)", "", "\n".join(lines) + "\n", flags=re.M)


def style() -> str:
    """Return the view's styles."""
    return "\n".join(_view().joinpath(name).read_text("utf-8") for name in STYLES)


def page_style() -> str:
    """Return the styles of a page that holds nothing but the view."""
    return _BARE + style()


def _view() -> Traversable:
    return files("bench.classroom") / "view"


def page() -> str:
    """Return the live page; it asks the server for /demo.css and /demo.js (see `live_script`)."""
    head = (
        '<link rel="stylesheet" href="/demo.css">\n<script type="module" src="/demo.js"></script>'
    )
    return document(TITLE, head, DEMO)


def live_script() -> str:
    """Return the module of the live page, which starts it."""
    return module() + "\nopenPage();\n"


def document(title: str, head: str, body: str) -> str:
    """Return a page of HTML; `head` and `body` are HTML, `title` is text."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n{ICON}\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def inlined(script: str, styles: str) -> str:
    """Return the head of a page in one file: a module and styles, and a policy for no others."""
    script, styles = _sealed(script), styles.replace("</style", "<\\/style")
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(styles)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return (
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<style>{styles}</style>\n<script type="module">{script}</script>'
    )


def _sealed(script: str) -> str:
    """Return the script with nothing in it that HTML would take for its end, or a comment.

    In the strings, patterns and comments where they stand, the escapes mean the same.
    """
    return re.sub("</(?=script)", r"<\\/", script, flags=re.I).replace("<!--", "<\\!--")


def _digest(text: str) -> str:
    """The source expression that allows exactly this text (CSP Level 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

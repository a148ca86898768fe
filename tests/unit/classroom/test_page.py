"""bench.classroom.page: the view's parts as one module, and pages that fetch nothing."""

import base64
import hashlib
import re
from collections import Counter
from graphlib import CycleError
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bench.classroom import page

VIEW = Path(page.__file__).parent / "view"
PARTS = {path.name: path.read_text() for path in sorted(VIEW.glob("*.js"))}
IMPORT = re.compile(r'import \{ (\w+(?:, \w+)*) \} from "\./(\w+\.js)";')
DEFINED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class|const|let) (\w+)", re.M)
EXPORTED = re.compile(r"^export (?:async )?(?:function\*?|class|const) (\w+)", re.M)


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for parts that are made up."""
    monkeypatch.setattr(page, "_view", lambda: tmp_path)
    return tmp_path


def test_parts_come_after_those_that_they_need_without_their_seams(view: Path) -> None:
    (view / "aa.js").write_text(
        "// First.\n"
        'import { B, b } from "./bb.js";\n'
        "export class A extends B {}\n"
        "  export const inner = 1; // not at the beginning of a line\n"
        "export default { a: b };\n"
    )
    (view / "bb.js").write_text(
        "// Second.\nexport class B {}\nexport function b() {}\nexport const c = 1;\n"
    )
    (view / "notes.txt").write_text("no part")
    assert page.module() == (
        "// Second.\nclass B {}\nfunction b() {}\nconst c = 1;\n\n"
        "// First.\nclass A extends B {}\n"
        "  export const inner = 1; // not at the beginning of a line\n"
        "export default { a: b };\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        'import { a } from "./missing.js";',
        'import { a as b } from "./aa.js";',
        'import a from "./aa.js";',
        'import { a } from "https://example.com/aa.js";',
        "import {",
    ],
)
def test_an_import_that_cannot_be_joined_is_named(view: Path, line: str) -> None:
    (view / "aa.js").write_text("export const a = 1;\n")
    (view / "bb.js").write_text(f"{line}\n")
    with pytest.raises(ValueError, match=r"bb\.js: import .*; expected import \{ … \} from"):
        page.module()


def test_parts_in_a_circle_are_refused(view: Path) -> None:
    (view / "aa.js").write_text('import { b } from "./bb.js";\n')
    (view / "bb.js").write_text('import { a } from "./aa.js";\n')
    with pytest.raises(CycleError):
        page.module()


# ---- the view as it is


def test_each_name_at_the_top_is_defined_once_in_all_parts() -> None:
    names = Counter(name for text in PARTS.values() for name in DEFINED.findall(text))
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("name", PARTS)
def test_what_a_part_imports_is_exported(name: str) -> None:
    for line in PARTS[name].splitlines():
        if line.startswith("import "):
            found = IMPORT.fullmatch(line)
            assert found, line
            assert set(found[1].split(", ")) <= set(EXPORTED.findall(PARTS[found[2]])), line


@pytest.mark.parametrize("name", PARTS)
def test_what_a_part_imports_it_uses(name: str) -> None:
    lines = PARTS[name].splitlines()
    body = "\n".join(line for line in lines if not line.startswith("import "))
    imported = [
        one for line in lines if (found := IMPORT.fullmatch(line)) for one in found[1].split(", ")
    ]
    assert [one for one in imported if not re.search(rf"\b{one}\b", body)] == []


def test_all_of_it_is_one_module_with_one_export() -> None:
    module = page.module()
    assert not re.search(r"^import\b", module, re.M)
    assert re.findall(r"^export \w+", module, re.M) == ["export default"]
    assert "import(" not in module
    assert re.search(r"^function openPage\(", module, re.M)
    assert page.live_script().endswith("\nopenPage();\n")


def test_nothing_of_it_is_fetched() -> None:
    for text in (page.module(), page.page_style(), page.page()):
        assert "@import" not in text
        assert not re.search(r"\burl\((?!data:)", text)
        assert not re.search(r"https?://(?!www\.w3\.org/)[a-z0-9]", text)


# ---- pages


class Elements(HTMLParser):
    """What is in a page: tags with attributes, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._within = tag

    def handle_data(self, data: str) -> None:
        self.texts[self._within] = self.texts.get(self._within, "") + data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_live_page() -> None:
    html = Elements(page.page())
    assert html.all("html") == [{"lang": "en"}]
    assert html.all("script") == [{"type": "module", "src": "/demo.js"}]
    assert [link["href"] for link in html.all("link")] == ["data:,", "/demo.css"]
    assert html.all("div") == [{"class": "fsl-demo"}]
    assert {"charset": "utf-8"} in html.all("meta")
    assert html.texts["title"].strip() == page.TITLE


def test_a_page_in_one_file_allows_what_is_in_it_and_nothing_else() -> None:
    script, styles = 'const a = "</script><!-- é";\n', ".fsl-demo { margin: 0; }\n"
    html = Elements(page.document("A & <b>", page.inlined(script, styles), page.DEMO))
    assert html.texts["title"].strip() == "A & <b>"
    (policy,) = [
        meta["content"]
        for meta in html.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    kept = re.search(r'<script type="module">(.*?)</script>', page.inlined(script, styles), re.S)
    assert kept is not None
    assert kept[1] == 'const a = "<\\/script><\\!-- é";\n'
    assert rules == {
        "default-src": "'none'",
        "script-src": digest(kept[1]),
        "style-src": digest(styles),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

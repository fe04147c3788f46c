"""All pages share one style sheet: sheets in their order, addresses that still lead somewhere, nothing left behind."""

import re
import sys

import pytest

from tools.notebooks.chapters import ROOT
from tools.site.pages import SITE

sys.path.insert(0, str(ROOT / "web"))  # as Sphinx does, see local_extensions in _config.yml
import one_sheet

HEAD = """<meta charset="utf-8"/>
<link href="../_static/styles/theme.css?digest=1" rel="stylesheet" />
<link rel="preload" as="script" href="../_static/scripts/theme.js?digest=1" />
<link rel="stylesheet" type="text/css" href="../_static/live/live.css?v=2" />
<link rel="stylesheet" type="text/css" href="../_static/book.css?v=3" />
<link rel="icon" href="../_static/favicon.svg"/>
"""


def test_head_has_one_link_for_the_sheets_of_all_pages_before_those_of_its_own():
    assert one_sheet.sheets_of(HEAD) == ["styles/theme.css", "book.css"]
    head = one_sheet.with_one_sheet(HEAD)
    links = re.findall(r'href="([^"?]*\.css)', head)
    assert links == ["../_static/site.css", "../_static/live/live.css"]
    assert head.count("<link") == HEAD.count("<link") - 1
    assert one_sheet.with_one_sheet("<title>No sheets</title>") == "<title>No sheets</title>"


@pytest.mark.parametrize("changed", ["theme.css?digest=1", "book.css?v=3"])
def test_address_changes_with_each_sheet(changed):
    address = re.compile(r"site\.css\?v=(\w+)")
    other = one_sheet.with_one_sheet(HEAD.replace(changed, changed[:-1] + "9"))
    assert address.search(other)[1] != address.search(one_sheet.with_one_sheet(HEAD))[1]


def test_sheets_are_joined_in_order_with_imports_and_addresses_that_lead_to_the_same_files(tmp_path):
    static = tmp_path / "_static"
    sheets = {
        "styles/theme.css": '@import "../basic.css";\nb{src:url("../fonts/b.woff2")}',
        "basic.css": "a{background:url(file.png)}",
        "book.css": "c{background:url(data:image/svg+xml,x)}",
        "live/live.css": "e{}",
        "live/panel.css": "f{}",
        "unused.css": "g{}",
    }
    for name, text in sheets.items():
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(text)
    one_sheet.write_one_sheet(tmp_path, ["styles/theme.css", "book.css"])
    text = (static / "site.css").read_text()
    assert re.sub(r"\s", "", text) == (
        'a{background:url("file.png")}b{src:url("fonts/b.woff2")}c{background:url(data:image/svg+xml,x)}'
    )
    left = {path.relative_to(static).as_posix() for path in static.rglob("*.css")}
    assert left == {"site.css", "live/live.css", "live/panel.css"}


def test_what_the_sheet_of_the_site_asks_for_is_there():
    text = (SITE / "_static" / one_sheet.ONE).read_text(encoding="utf-8")
    wanted = set(re.findall(r"url\(\"?(?!data:)([^\")]+)", text))
    assert any(name.endswith(".woff2") for name in wanted)
    assert [name for name in sorted(wanted) if "KaTeX" in name and not (SITE / "_static" / name).is_file()] == []


def test_every_page_asks_for_the_sheet_at_one_address():
    pages = [path for path in SITE.rglob("*.html") if "_static" not in path.parts]
    assert len(pages) > 10
    asked = [re.findall(r"_static/site\.css\?v=\w+", path.read_text(encoding="utf-8")) for path in pages]
    assert asked == [asked[0]] * len(pages)
    assert len(asked[0]) == 1

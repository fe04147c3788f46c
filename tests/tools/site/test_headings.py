"""Headings are found by the anchors that the site gives them, with the numbers that it shows."""

import json

import nbformat.v4 as nbf
import pytest

from tools.site.headings import Heading, headings_of

CHAPTER = """# Of two things: a title

(thing-first)=
## The *first* thing

### Why $\\sqrt{d_k}$

```text
## no heading
```

### Of `code`

## Once more

### Q7. Is this a question?
"""


@pytest.fixture
def root(tmp_path):
    """A folder with a chapter, an appendix and a page."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "pages").mkdir()
    notebook = json.dumps(nbf.new_notebook(cells=[nbf.new_markdown_cell(CHAPTER), nbf.new_code_cell("# ## none")]))
    for name in ("07-things", "a3-things"):
        (tmp_path / "chapters" / f"{name}.ipynb").write_text(notebook)
    (tmp_path / "pages" / "notes.md").write_text("# Notes\n\n(here)=\n## Sizes\n")
    return tmp_path


def test_a_chapter_has_the_number_of_its_file_and_its_sections_are_counted(root):
    found = {anchor: str(heading) for anchor, heading in headings_of("chapters/07-things", root).items()}
    assert found == {
        "": "7 Of two things: a title",
        "of-two-things-a-title": "7 Of two things: a title",
        "thing-first": "7.1 The *first* thing",
        "the-first-thing": "7.1 The *first* thing",
        "why-sqrt-d-k": r"7.1.1 Why $\sqrt{d_k}$",
        "of-code": "7.1.2 Of `code`",
        "once-more": "7.2 Once more",
        "q7-is-this-a-question": "Q7",
    }


def test_an_appendix_has_a_letter_and_a_page_no_number(root):
    assert str(headings_of("chapters/a3-things", root)["thing-first"]) == "C.1 The *first* thing"
    assert headings_of("pages/notes", root) == dict.fromkeys(("", "notes"), Heading("Notes")) | dict.fromkeys(
        ("here", "sizes"), Heading("Sizes")
    )


def test_a_page_that_is_missing_or_has_no_heading_is_refused(root):
    with pytest.raises(LookupError, match=r"expected pages/gone\.ipynb or pages/gone\.md; there is neither"):
        headings_of("pages/gone", root)
    (root / "pages" / "notes.md").write_text("```text\n# Notes\n```\n")
    with pytest.raises(LookupError, match="expected a heading in pages/notes"):
        headings_of("pages/notes", root)

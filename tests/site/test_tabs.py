"""Tabs of a page can be read without JavaScript, on a phone, and on paper."""

import pytest

from tools.site.pages import SITE

PAGE = SITE / "chapters" / "a1-three-frameworks.html"


@pytest.fixture(scope="module")
def phone(browser):
    with browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 740}) as context:
        page = context.new_page()
        page.goto(PAGE.as_uri())
        yield page


def test_each_tab_opens_by_a_click_without_javascript_and_alone(phone):
    sets = phone.locator(".sd-tab-set")
    assert sets.count() >= 7
    for place in range(sets.count()):
        labels, bodies = (sets.nth(place).locator(f":scope > {part}") for part in ("label", ".sd-tab-content"))
        assert [label.strip() for label in labels.all_text_contents()] == ["NumPy", "Keras", "PyTorch"]
        for one in (2, 1, 0):
            labels.nth(one).click()
            assert [bodies.nth(other).is_visible() for other in range(3)] == [other == one for other in range(3)]
            box = bodies.nth(one).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360


def test_paper_shows_all_tabs(phone):
    phone.emulate_media(media="print")
    bodies = phone.locator(".sd-tab-set > .sd-tab-content")
    assert all(bodies.nth(place).is_visible() for place in range(bodies.count()))
    phone.emulate_media(media="screen")

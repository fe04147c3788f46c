"""One headless Chromium for all tests of the pages."""

import pytest

from tests.conftest import missing_is_failure
from tools.site import browser as chromium_finder


@pytest.fixture(scope="session")
def browser(require):
    sync_api = require("playwright.sync_api")
    from tests.support import page_visits

    if missing_is_failure("chromium"):
        chromium_finder.install()
    path = chromium_finder.find_chromium() or chromium_finder.playwright_browser() or require("chromium")
    with sync_api.sync_playwright() as playwright, page_visits.chromium(playwright, path) as running:
        yield running

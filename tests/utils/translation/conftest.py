"""What every test of the translator uses."""

import pytest

from utils.translation import translator


@pytest.fixture(autouse=True)
def short_translations(monkeypatch):
    """Models that have learnt nothing seldom end: cut them short."""
    monkeypatch.setattr(translator, "EXTRA", 1)

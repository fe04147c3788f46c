"""The encoder that the fine-tunings of this folder begin with."""

import pytest

from tests.support.finetuning_toys import write_bert


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    return write_bert(tmp_path_factory.mktemp("models") / "bert")

"""Each mend of ktrain: that it works in every order of imports, that it is needed, and when it no longer is."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.finetuning_toys import write_bert
from tools.notebooks.chapters import ROOT
from utils.finetuning import ktrain_mends
from utils.finetuning.command import main

ORDERS = {
    "variable first": ("tensorflow", ""),
    "Keras 3 on TensorFlow first": ("tensorflow", "import keras, tensorflow; keras.layers.Dense(1)"),
    "Keras 3 on JAX first": ("jax", "import keras; keras.layers.Dense(1)"),
}
HERE = "Keras 3 on TensorFlow first"  # every change tries this order here and the others on another Python
OF_ORDERS = [pytest.param(order, marks=() if order == HERE else pytest.mark.full) for order in ORDERS]
TRAIN = """
import os, sys
import numpy as np
{before}
from utils.finetuning import ktrain_mends
{removed}
from tests.support.finetuning_toys import texts_and_labels
from utils import finetuning
import tensorflow as tf, tf_keras

texts, labels = texts_and_labels(160)
classifier = finetuning.fine_tune(
    texts, labels, sys.argv[1], max_length=16, batch_size=8, learning_rate=1e-2, epochs=6,
    validation=(texts[:20], labels[:20]), progress=False)
print("loss", *classifier.details["history"]["loss"])
assert isinstance(classifier.model, tf_keras.Model) and issubclass(tf_keras.Model, tf.keras.Model)
"""
KERAS_3_STILL_WORKS = """
import keras
model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
model.compile(keras.optimizers.SGD(0.25), "mse")
model.fit(np.ones((1, 1)), np.ones((1, 1)), epochs=2, verbose=0)
print("keras", keras.__version__, keras.backend.backend(), model.get_weights()[0].item())
"""


def run(code, *arguments, python=sys.executable, **environment):
    """Run code in a fresh process of a Python; return the finished process."""
    paths = str(ROOT)
    return subprocess.run(
        [python, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, "TF_USE_LEGACY_KERAS": "", **environment},
        capture_output=True,
        text=True,
        timeout=1800,  # much, for a machine that is busy with other things
        check=False,
    )


def check_order(order, folder, python=sys.executable):
    """Fine-tune with ktrain after imports in this order, then train with Keras 3 in the same process."""
    backend, before = ORDERS[order]
    code = TRAIN.format(before=before, removed="") + KERAS_3_STILL_WORKS
    done = run(code, write_bert(folder / "bert"), python=python, KERAS_BACKEND=backend)
    assert done.returncode == 0, done.stderr[-3000:]
    losses = [float(word) for word in re.search(r"^loss (.+)$", done.stdout, re.M)[1].split()]
    assert losses[-1] < 0.6 * losses[0]
    version, used, weight = re.search(r"^keras (\S+) (\S+) (\S+)$", done.stdout, re.M).groups()
    assert (version[0], used) == ("3", backend)
    assert float(weight) == 0.75  # 0 -> 0.5 -> 0.75: each step halves the distance to 1


@pytest.mark.slow
@pytest.mark.parametrize("order", OF_ORDERS)
def test_ktrain_trains_whatever_was_imported_before_and_keras_3_still_works(order, tmp_path):
    check_order(order, tmp_path)


NEEDED = {
    "restore_numpy_inf": ("", r"np\.Inf"),
    "use_legacy_keras": ("import keras, tensorflow; keras.layers.Dense(1)", "Error"),
}


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize("mend", NEEDED)
def test_training_fails_without_the_mend_which_is_otherwise_to_be_removed(mend, tmp_path):
    before, told = NEEDED[mend]
    removed = f"""
ktrain_mends.MENDS = tuple(m for m in ktrain_mends.MENDS if m.__name__ != {mend!r})
ktrain_mends.{mend} = lambda: None
"""
    done = run(TRAIN.format(before=before, removed=removed), write_bert(tmp_path / "bert"))
    assert done.returncode != 0, f"ktrain trains without {mend}: remove that mend"
    assert re.search(told, done.stderr), done.stderr[-2000:]


HIDE_DISTUTILS = """
import sys

class Hidden:  # as on Python 3.12 and later in an environment whose start-up did not bring setuptools' copy
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "distutils" and "setuptools" not in sys.modules:
            raise ModuleNotFoundError(f"No module named {name!r}")

sys.meta_path.insert(0, Hidden())
"""


def test_ktrain_cannot_be_imported_without_distutils():
    done = run(HIDE_DISTUTILS + "import ktrain")
    assert done.returncode != 0, "ktrain does without distutils: remove mend 4, and setuptools from the requirements"
    assert "distutils" in done.stderr


def test_setuptools_brings_distutils_back():
    mended = "import importlib.util; from utils.finetuning.ktrain_mends import provide_distutils; provide_distutils(); "
    done = run(HIDE_DISTUTILS + mended + "from distutils.util import strtobool; print(bool(strtobool('yes')))")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_missing_setuptools_is_told_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "setuptools", None)
    with pytest.raises(ImportError, match=r"expected setuptools with distutils.*pip install 'setuptools<81'"):
        ktrain_mends.provide_distutils()


def sources(package):
    """Return the Python source of an installed package, without importing it."""
    folder = Path(importlib.util.find_spec(package).submodule_search_locations[0])
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.py")}


@pytest.mark.parametrize(
    ("package", "pattern", "mend"),
    [
        ("ktrain", r"\bnp\.Inf\b", "mend 1, restore_numpy_inf"),
        ("ktrain", r"from tensorflow import keras", "mend 2, use_legacy_keras"),
        ("ktrain", r"^from distutils", "mend 4, provide_distutils"),
        ("jieba", r"import pkg_resources", "the import of pkg_resources in mend 4"),
    ],
)
def test_installed_release_still_has_what_the_mend_is_for(package, pattern, mend):
    found = [name for name, text in sources(package).items() if re.search(pattern, text, re.M)]
    assert found, f"this release of {package} no longer has {pattern!r}: see whether to remove {mend}"


def test_numpy_has_the_old_name_of_infinity_only_after_the_mend(monkeypatch):
    monkeypatch.delattr(np, "Inf", raising=False)
    assert not hasattr(np, "Inf"), "NumPy has np.Inf again: remove mend 1"
    monkeypatch.setattr(np, "Inf", None, raising=False)  # so that it is removed again afterwards
    del np.Inf
    ktrain_mends.restore_numpy_inf()
    assert np.Inf == float("inf")


@pytest.mark.parametrize("before", ["", "0", "1", None])
def test_importing_the_package_chooses_legacy_keras_whatever_the_variable_was(before):
    environment = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    environment |= {"PYTHONPATH": str(ROOT), **({} if before is None else {"TF_USE_LEGACY_KERAS": before})}
    code = "import os, sys, utils.finetuning; print(os.environ['TF_USE_LEGACY_KERAS'], 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]


def test_every_name_that_the_package_hands_on_is_there():
    from utils import finetuning

    assert all(callable(getattr(finetuning, name)) for name in finetuning.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = finetuning.nothing


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch):
    find = importlib.util.find_spec
    hidden = ("ktrain", "transformers", "tf_keras")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else find(name))
    for name in hidden:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.chdir(ROOT / "chapters")
    command = r"run python -m pip install -r \.\./requirements\.txt -r \.\./requirements-fine-tuning\.txt"
    with pytest.raises(ImportError, match=f"the packages tf_keras, transformers, ktrain are not installed: {command}"):
        ktrain_mends.load_ktrain()
    with pytest.raises(ImportError, match=f"the packages tf_keras, transformers are not installed: {command}"):
        ktrain_mends.load_transformers()


@pytest.mark.parametrize("command", ["train", "predict"])
def test_the_command_line_with_requirements_txt_alone_does_not_blame_the_model(monkeypatch, capsys, command):
    find, hidden = importlib.util.find_spec, ("ktrain", "transformers", "tf_keras")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else find(name))
    for name in hidden:
        monkeypatch.delitem(sys.modules, name, raising=False)
    options = {"train": ["--data", "x.csv", "--output", "y"], "predict": []}[command]
    assert main([command, "--model", "x", *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{command}: the packages tf_keras, transformers")
    assert line.endswith("requirements-fine-tuning.txt")


@pytest.mark.parametrize("command", ["train", "predict"])
def test_the_command_line_without_any_package_names_the_requirements_file(command, tmp_path):
    options = {"train": ["--data", "x.csv", "--model", "x", "--output", "y"], "predict": ["--model", "x"]}[command]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "utils.finetuning", command, *options],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{command}: the packages numpy, tqdm, ")
    assert line.endswith(f"-r {os.path.relpath(ROOT / 'requirements-fine-tuning.txt', tmp_path)}")


def test_native_code_is_not_heard_on_standard_error_and_python_is():
    code = """
import os, subprocess, sys
from utils.finetuning.command import native_log_hidden
print("before", file=sys.stderr)
with native_log_hidden() as log:
    os.write(2, b"I0000 00:00 from native code\\n")
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'and its children')"])
    print("said", file=sys.stderr)
    log.seek(0)
    print(len(log.read().splitlines()))
os.write(2, b"after\\n")
"""
    done = run(code)
    assert (done.stdout, done.stderr) == ("2\n", "before\nsaid\nafter\n")

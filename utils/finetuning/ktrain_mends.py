"""What ktrain 0.41.4 and the TensorFlow models of transformers 4.57 need before they run with today's packages.

ktrain was written for NumPy 1 and Keras 2. Each mend below changes one thing outside ktrain, says why, and can be
removed by itself when a later release makes it unnecessary: a test runs a training without it and fails once that
succeeds. The third mend, of weights in PyTorch's format, is `utils.finetuning.encoders.tensorflow_folder`.
"""

import importlib
import importlib.util
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from utils.classification.packages import MissingPackageError

LEGACY_KERAS = "tf_keras.api._v2.keras"  # what `tf.keras` is when TensorFlow itself chooses Keras 2


def restore_numpy_inf() -> None:
    """Mend 1: give NumPy 2 the name `np.Inf`, with which ktrain's one-cycle schedule begins."""
    import numpy as np

    if not hasattr(np, "Inf"):
        np.Inf = np.inf


def use_legacy_keras() -> None:
    """Mend 2: make `tf.keras` Keras 2, in which ktrain and the TensorFlow models of transformers are written.

    Before TensorFlow is imported the variable TF_USE_LEGACY_KERAS suffices, which `utils.finetuning` sets. Afterwards,
    for instance after `import keras` on the TensorFlow backend, `tf.keras` and the search path of its submodules are
    exchanged here. `keras` itself stays Keras 3, and its layers keep working.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or sys.modules.get("tensorflow.keras") is sys.modules.get(LEGACY_KERAS, False):
        return
    legacy = importlib.import_module(LEGACY_KERAS)
    for name in [name for name in sys.modules if name.startswith("tensorflow.keras.")]:
        del sys.modules[name]  # submodules of Keras 3
    tensorflow.keras = sys.modules["tensorflow.keras"] = legacy
    tensorflow.__path__.insert(0, str(Path(legacy.__file__).parents[1]))


def provide_distutils() -> None:
    """Mend 4: bring back `distutils`, gone from Python 3.12 on, and `pkg_resources`; ktrain's imports need both.

    Raises:
        ImportError: there is no setuptools, which carries them, or one that has dropped them.
    """
    try:
        import setuptools  # noqa: F401 (importing it puts its copy of distutils in place)

        importlib.import_module("distutils.util")
        importlib.import_module("pkg_resources")
    except ImportError as error:
        raise ImportError(
            f"expected setuptools with distutils and pkg_resources, which ktrain imports; received: {error}. "
            "Run: pip install 'setuptools<81'"
        ) from error


REQUIREMENTS = Path(__file__).parents[2] / "requirements-fine-tuning.txt"


def install_command() -> str:
    """Return the command that installs what this package needs, from whatever folder it is run."""
    files = (REQUIREMENTS.with_name("requirements.txt"), REQUIREMENTS)
    return f"python -m pip install {' '.join(f'-r {shlex.quote(os.path.relpath(path))}' for path in files)}"


def require_packages(*names: str) -> None:
    """Raise MissingPackageError where packages are missing.

    transformers without tf-keras raises errors that name neither the package nor the requirements file.
    """
    missing = [name for name in names if name not in sys.modules and importlib.util.find_spec(name) is None]
    if missing:
        subject = f"the package {missing[0]} is" if len(missing) == 1 else f"the packages {', '.join(missing)} are"
        raise MissingPackageError(f"{subject} not installed: run {install_command()}")


MENDS = (restore_numpy_inf, use_legacy_keras, provide_distutils)


def load_ktrain() -> ModuleType:
    """Import ktrain after the mends, whatever was imported before it.

    Returns:
        The module `ktrain`. Interactive plotting and the filters of warnings, which its import changes, are as before.

    Raises:
        ImportError: ktrain or what it needs is not installed.
    """
    require_packages("tensorflow", "tf_keras", "transformers", "ktrain")
    with _quiet():
        for mend in MENDS:
            mend()
        module = importlib.import_module("ktrain")
    _ask_nothing()
    return module


def load_transformers() -> ModuleType:
    """Import transformers with its TensorFlow models on Keras 2; enough to predict, and twice as quick as ktrain.

    Returns:
        The module `transformers`.
    """
    require_packages("tensorflow", "tf_keras", "transformers")
    with _quiet():
        use_legacy_keras()
        module = importlib.import_module("transformers")
        importlib.import_module("transformers.modeling_tf_utils")
    logging.getLogger("transformers").setLevel(logging.ERROR)  # as ktrain does
    _ask_nothing()
    return module


def _ask_nothing() -> None:
    """Let transformers refuse code that comes with a model, where it would ask whether to run it (ktrain's calls).

    Our own calls say trust_remote_code=False. ktrain's do not; transformers then asks on standard input, and whatever
    is piped in, `yes` for instance, is taken for an answer. With a time limit of 0 it refuses instead.
    """
    importlib.import_module("transformers.dynamic_module_utils").TIME_OUT_REMOTE_CODE = 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings about old code that no reader can act on, and undo ktrain's change of plotting."""
    from matplotlib import pyplot as plt

    interactive = plt.isinteractive()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    plt.interactive(interactive)

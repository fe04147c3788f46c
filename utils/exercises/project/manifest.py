"""Exercise of chapter 8 on a manifest: which files are not as they were saved."""

import hashlib
from collections.abc import Callable

import numpy as np

from utils.exercises.engine.exercise import Exercise, Mistake

_NAMES = ("config.json", "model.safetensors", "vocab.txt", "classifier.json", "tokenizer.json", "notes.txt", "extra.md")


class _Listing(dict):
    """A dictionary whose names alone are told where a trial is described."""

    def __str__(self) -> str:
        return "{" + ", ".join(self) + "}" if self else "{}"


_Manifest, _Files = dict[str, str], dict[str, bytes]


def faults(manifest: _Manifest, files: _Files) -> str:
    """Return the names of files that are altered, missing or not listed: sorted, with ", " between; "" without any."""
    return _joined(_altered(manifest, files) + _missing(manifest, files) + _added(manifest, files))


def _joined(names: list[str]) -> str:
    return ", ".join(sorted(names))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _altered(manifest: _Manifest, files: _Files) -> list[str]:
    return [name for name in manifest if name in files and _digest(files[name]) != manifest[name]]


def _missing(manifest: _Manifest, files: _Files) -> list[str]:
    return [name for name in manifest if name not in files]


def _added(manifest: _Manifest, files: _Files) -> list[str]:
    return [name for name in files if name not in manifest]


def _of(*kinds: Callable[[_Manifest, _Files], list[str]]) -> Callable[..., str]:
    """Make an answer that looks for some kinds of faults and not for others."""
    return lambda manifest, files: _joined([name for kind in kinds for name in kind(manifest, files)])


def _present(manifest: _Manifest, files: _Files) -> list[str]:
    return [name for name in manifest if name in files]


def _elsewhere(manifest: _Manifest, files: _Files) -> list[str]:
    """Name the files whose digest is that of no file in the manifest."""
    return [name for name in files if _digest(files[name]) not in manifest.values()]


def _begins_otherwise(manifest: _Manifest, files: _Files) -> list[str]:
    """Name the files of which the first eight digits of the digest differ."""
    return [name for name in _present(manifest, files) if _digest(files[name])[:8] != manifest[name][:8]]


def _sound(manifest: _Manifest, files: _Files) -> list[str]:
    return [name for name in _present(manifest, files) if _digest(files[name]) == manifest[name]]


def _manifest_inputs(rng: np.random.Generator, trial: int) -> tuple:
    """Draw files and a manifest, all in order on every eighth trial; else faults of one to four kinds."""
    names = [str(name) for name in rng.permutation(_NAMES)]
    files = _Listing({name: rng.bytes(int(rng.integers(5, 40))) for name in names[:6]})
    manifest = _Listing({name: _digest(content) for name, content in files.items()})
    for kind in range(4):
        if trial % 8 and (trial % 4 == kind or rng.random() < 0.3):
            _spoil(kind, names, manifest, files)
    return manifest, _Listing({name: files[name] for name in sorted(files, key=lambda name: _digest(name.encode()))})


def _spoil(kind: int, names: list[str], manifest: _Manifest, files: _Files) -> None:
    """Make one fault: a byte altered, a file lost, one added, two swapped; with a byte, an end of a digest as well."""
    if kind == 0:
        files[names[0]] = bytes([files[names[0]][0] ^ 1]) + files[names[0]][1:]
        last = "0" if manifest[names[1]][-1] != "0" else "1"
        manifest[names[1]] = manifest[names[1]][:-1] + last
    elif kind == 1:
        del files[names[2]]
    elif kind == 2:
        files[names[6]] = b"not listed"
    else:
        files[names[3]], files[names[4]] = files[names[4]], files[names[3]]


_MANIFEST = Exercise(
    id="project-manifest",
    title="files that are not as they were saved",
    reference=faults,
    make_inputs=_manifest_inputs,
    returns=("a string of the names",),
    note="files altered, lost, added, swapped and sound",
    hint="Three questions: is each listed file there, has it the digest of the manifest, and is each file listed?",
    mistakes=(
        Mistake(
            "added files ignored",
            _of(_altered, _missing),
            "files that the manifest does not list are passed over",
            "Whoever unpacks a folder takes all that lies in it. Go through `files` too.",
        ),
        Mistake(
            "missing files ignored",
            _of(_altered, _added),
            "files that are missing are passed over",
            "Go through the names of the manifest: is each of them in `files`?",
        ),
        Mistake(
            "listed and present alone",
            _of(_altered),
            "only files that are both listed and there are looked at",
            "Names that stand on one side alone are faults too.",
        ),
        Mistake(
            "names alone",
            _of(_missing, _added),
            "only names are compared, not contents",
            "Compare the digest of each file's bytes with that of the manifest.",
        ),
        Mistake(
            "missing alone",
            _of(_missing),
            "only missing files are found",
            "A file may be there and altered, or there and not listed.",
        ),
        Mistake(
            "added alone",
            _of(_added),
            "only files that are not listed are found",
            "A file may be listed and altered, or listed and missing.",
        ),
        Mistake(
            "another digest",
            _of(_present, _missing, _added),
            "every file counts as altered: none has the digest that the manifest gives",
            "The manifest holds SHA-256 of a file's bytes in hexadecimal: hashlib.sha256(content).hexdigest().",
        ),
        Mistake(
            "digests without names",
            _of(_elsewhere, _missing),
            "a digest counts as right if it belongs to any file of the manifest",
            "Two files that were swapped have the digests of the manifest, each under the other's name.",
        ),
        Mistake(
            "first digits",
            _of(_begins_otherwise, _missing, _added),
            "only the first digits of a digest are compared",
            "Another file with the same eight digits is soon found by trying. Compare all 64.",
        ),
        Mistake(
            "sound files",
            _of(_sound),
            "the names of the sound files are returned",
            "Return those of the others.",
        ),
        Mistake(
            "not sorted",
            lambda manifest, files: ", ".join(
                _missing(manifest, files) + _altered(manifest, files) + _added(manifest, files)
            ),
            "the names are not sorted: missing files come first",
            "Sort them before they are joined.",
        ),
        Mistake(
            "order of the manifest",
            lambda manifest, files: ", ".join(
                [*(n for n in manifest if n not in _sound(manifest, files)), *_added(manifest, files)]
            ),
            "the names stand in the order of the manifest",
            "Sort them before they are joined.",
        ),
        Mistake(
            "first fault alone",
            lambda manifest, files: faults(manifest, files).split(", ")[0],
            "only the first fault is returned",
            "Collect all of them: who repairs the folder wants to know each.",
        ),
    ),
)

EXERCISES = (_MANIFEST,)

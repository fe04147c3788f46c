"""The exercises of chapter 4, the architecture."""

from utils.exercises.architecture import caches, counts, depth, layers, losses, sampling

_FORMS = (losses.LOSSES, caches.CACHES, depth.DEPTH)
EXERCISES = (*(one for module in (layers, counts, sampling) for one in module.EXERCISES), *_FORMS)

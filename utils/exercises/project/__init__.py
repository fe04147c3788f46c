"""The exercises of chapter 8, the project."""

from utils.exercises.project import length, manifest, noise, occlusion, paired, step

EXERCISES = tuple(one for module in (noise, length, step, occlusion, paired, manifest) for one in module.EXERCISES)

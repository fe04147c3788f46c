"""The exercises of chapter 8, the project."""

from utils.exercises.project import length, manifest, noise, occlusion, one_cycle, paired

EXERCISES = tuple(one for module in (noise, length, one_cycle, occlusion, paired, manifest) for one in module.EXERCISES)

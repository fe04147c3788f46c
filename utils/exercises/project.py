"""The exercises of chapter 8, the project: one module for each."""

from utils.exercises import (
    project_length,
    project_manifest,
    project_noise,
    project_occlusion,
    project_one_cycle,
    project_paired,
)

_MODULES = (project_noise, project_length, project_one_cycle, project_occlusion, project_paired, project_manifest)
EXERCISES = tuple(one for module in _MODULES for one in module.EXERCISES)

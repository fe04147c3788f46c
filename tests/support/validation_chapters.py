"""Small chapters that need no Keras, for the tests of `make validate`."""

import copy

import nbformat

from tests.support.broken import notebook, text

# Stands in for what a kernel says of itself; a cell may change DEVICE.
FAKE = """
import json, os
def report(): return json.dumps({"backend": os.environ["KERAS_BACKEND"], "device": DEVICE, "device_name": DEVICE + ":0",
    "accelerator": "", "versions": {os.environ["KERAS_BACKEND"]: "9.8"}, "cells": seen})
seen, DEVICE = [], "cpu"
"""
QUESTION = "__import__('fakereport').report()"


def write_chapter(folder, name, cells):
    """Write a chapter with prose; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook([text(f"# The chapter that {name}"), *copy.deepcopy(cells)]), path)
    return path

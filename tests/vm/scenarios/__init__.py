# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios. A file of this folder registers its functions with @scenario.

    @scenario()                    def stick_at_boot(lab): ...     -> "stick-at-boot"
    @scenario(product=False)       runs without the .deb: proofs of the harness itself

A scenario asserts effects, and ends by returning; anything it raises is a failure. Its
docstring's first line is what `run --list` shows.
"""
import importlib
import os

REGISTRY = {}  # name -> Scenario, in the order of the files


class Skip(Exception):
    """Cannot be run here; the text says why."""


class Scenario:
    def __init__(self, function, needs_product):
        self.name = function.__name__.replace("_", "-")
        self.function = function
        self.needs_product = needs_product
        self.summary = function.__doc__.strip().splitlines()[0]


def scenario(product=True):
    def register(function):
        found = Scenario(function, product)
        REGISTRY[found.name] = found
        return function
    return register


def load():
    for name in sorted(os.listdir(os.path.dirname(__file__))):
        if name.endswith(".py") and name != "__init__.py":
            importlib.import_module(f"scenarios.{name[:-3]}")
    return REGISTRY

"""The mutants of `utils/`: for every labelled equation, a wrong version of the code that its check must catch.

A check that passes whatever the code does is worth nothing. `tools/run_mutants.py` makes each edit below in the running
kernel, just before the cell tagged `checks:eq-...`, and expects that cell to raise.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One wrong edit of one function.

    Attributes:
        name: what is wrong, in a few words joined by hyphens.
        equation: the label whose checking cell must raise.
        function: the function or method to edit, from its module: "utils.attention.scaled_dot_product_attention".
        find: text that occurs exactly once in the function's source, its decorators and docstring included.
        replace: what stands there in the mutant.
        raises: the exception that counts as caught. An AssertionError is the check at work; name another one only
            where the wrong code cannot get as far as the assertion, and say why beside the mutant.
    """

    name: str
    equation: str
    function: str
    find: str
    replace: str
    raises: str = "AssertionError"


MUTANTS: tuple[Mutant, ...] = ()

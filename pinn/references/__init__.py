"""Truth: exact solutions, and our own reference solutions where there is no exact one.

A reference is a function ``problem, **options -> (x (N, D) -> fields (N, F))`` in a module of its own, listed in
`REFERENCES`. A problem names one, ``reference: cole_hopf``, or one with options,
``reference: {spectral: {modes: 256}}``.
"""

from pinn.references.observed import observe
from pinn.references.truth import REFERENCES, chosen, truth

__all__ = ["REFERENCES", "chosen", "observe", "truth"]

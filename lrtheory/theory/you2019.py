r"""Closed forms around learning-rate decay: complexity of patterns, the noise floor, and when a rate is stable.

Reference: You, Long, Wang, Jordan 2019, arXiv 1908.01878. Status of each function is stated; none is a theorem of the
paper but the definition of complexity (recalled) and transferability (recalled).
"""

from __future__ import annotations

from typing import Any

import numpy as np


def complexity(counts: Any) -> float:
    r"""Return the complexity of a set of patterns, in bits.

    .. math:: C = \mathbb{E}_y\,H(P(x \mid y)) = -\sum_{x, y} P(x, y) \log_2 P(x \mid y)

    Args:
        counts: how often each pattern occurs with each class, (patterns, classes), not all 0.

    Example:
        >>> complexity([[1, 0], [1, 0], [0, 1], [0, 1]])
        1.0

    Status: recalled (the definition).
    """
    joint = np.asarray(counts, float)
    joint = joint / joint.sum()
    given = joint / np.where(joint.sum(axis=0) > 0, joint.sum(axis=0), 1.0)
    seen = joint > 0
    return float(-(joint[seen] * np.log2(given[seen])).sum())

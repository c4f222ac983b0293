"""Probes: what is measured of a trajectory, and in which unit.

A probe is a frozen pytree that is called, ``probe(problem, data, params, kept) -> {name: array}``, whenever records are
taken; ``prepare(problem, data, key) -> kept``, if there is one, is called once a data seed (a test set, say).
``constants(problem, data, params, kept) -> {name: array}``, if there is one, is what does not change along a path: it
is read once, before the first step, and recorded without a record dimension. ``dims`` names the dimensions of arrays,
``units`` the unit of each name.
"""

"""Problems: a data law, a model and a loss, as frozen pytrees.

A problem has

    data(key) -> data               the training set, and whatever is computed from it once
    init(key) -> params
    loss(params, data) -> scalar

and ``check()`` for what its numbers may be. ``observed(loss, data)``, if there is one, adds scalars that a schedule may
wait for; stochastic dynamics ask for more (their ``requires``). Static fields are sizes, all others can be swept.
"""

"""Every claim of every sim can be held against results of its shape, at every scale. No simulation is run."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from lrtheory import program
from lrtheory.claims import weigh
from lrtheory.experiment import at_scale, with_values
from lrtheory.papers import PAPERS
from lrtheory.sims import load_sim, sim_names

SIMS = {name: load_sim(name) for name in sorted(sim_names())}
#: Claims on runs that are too long for a laptop, undecided there.
NEEDS_PAPER_SCALE = {"sadrtdinov2024-4-late"}
#: Claims whose regime is a fact of the runs, not of their length: numbers made up need not lie in it.
GUARDED = {"you2019-relu"}
CLAIMS = {claim.id: claim for sim in SIMS.values() for claim in sim.claims}


def made_up(experiment):
    """Return results with the dimensions and coordinates of an experiment, and random numbers: D2 < 0, time rises."""
    rng = np.random.default_rng(0)
    with program.precision(experiment):
        variables = program.template(experiment)
    data, coordinates = {}, {}
    for name, v in variables.items():
        if v.values is not None:
            coordinates[name] = (v.dims, v.values)
        elif np.dtype(v.dtype).kind == "f":
            data[name] = (v.dims, rng.uniform(0.1, 1.0, v.shape) * (-1 if name == "d2" else 1))
        else:
            data[name] = (v.dims, np.full(v.shape, 1 if name == "stage_reason" else -1))
    dims, shape = variables["time"].dims, variables["time"].shape
    data["time"] = (dims, np.broadcast_to(np.linspace(0, 4e4, shape[-1]), shape))
    return xr.Dataset(data, coordinates)


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
@pytest.mark.parametrize("name", [name for name, sim in SIMS.items() if sim.claims])
def test_claims_can_be_held_against_results_of_every_scale(name, scale):
    experiment = at_scale(SIMS[name].experiment, scale)
    replicates = "seeds" if experiment.data_seeds is None else "data_seeds"
    ds = made_up(with_values(experiment, {replicates: 3}))
    for claim in SIMS[name].claims:
        weighed = weigh(claim, ds)  # raises where a quantity is not what its relation asks for
        assert weighed.n == 3
        in_regime = claim.regime is None or claim.regime.contains(ds)
        excused = claim.id in GUARDED or (scale == "laptop" and claim.id in NEEDS_PAPER_SCALE)
        assert in_regime or scale == "smoke" or excused, claim.id


def test_ids_are_unique_and_name_a_paper():
    assert len(CLAIMS) == sum(len(sim.claims) for sim in SIMS.values())
    assert {claim.paper for claim in CLAIMS.values()} <= set(PAPERS)


def test_every_paper_with_claims_has_a_few_headlines():
    papers = {claim.paper for claim in CLAIMS.values()}
    for paper in papers:
        assert 1 <= sum(c.headline for c in CLAIMS.values() if c.paper == paper) <= 5

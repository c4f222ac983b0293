"""The sources whose statements are put to the test, in the order in which reports show them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    """A source of claims.

    Attributes:
        stem: what its files and claims are named after.
        authors: initials and surname of each; none for textbook material.
        year: of the first appearance; None for textbook material.
        title: as published.
        url: where to read it; empty for textbook material.
        question: what is asked of it here.
    """

    stem: str
    authors: tuple[str, ...]
    year: int | None
    title: str
    url: str
    question: str

    @property
    def short(self) -> str:
        """Return how the text refers to it: up to four surnames and the year, or the title where nobody signs."""
        if not self.authors:
            return self.title
        surnames = [name.split()[-1] for name in self.authors]
        who = ", ".join(surnames) if len(surnames) <= 4 else f"{surnames[0]} et al."
        return f"{who} {self.year}"


#: Stem to paper. README.md shows the same table; a test compares the two.
PAPERS = {
    paper.stem: paper
    for paper in (
        Paper(
            stem="quadratic",
            authors=(),
            year=None,
            title="the noisy quadratic",
            url="",
            question="plateau, annealing, stability and the SDE limit, all in closed form: "
            "the reference for everything else",
        ),
        Paper(
            stem="li2019",
            authors=("Y. Li", "C. Wei", "T. Ma"),
            year=2019,
            title="Towards Explaining the Regularization Effect of Initial Large Learning Rate "
            "in Training Neural Networks",
            url="https://arxiv.org/abs/1907.04595",
            question="does a large rate learn the noisy linear pattern first, where a small one memorises?",
        ),
        Paper(
            stem="you2019",
            authors=("K. You", "M. Long", "J. Wang", "M. I. Jordan"),
            year=2019,
            title="How Does Learning Rate Decay Help Modern Neural Networks?",
            url="https://arxiv.org/abs/1908.01878",
            question="does decay help by letting complex patterns be learnt late?",
        ),
        Paper(
            stem="sadrtdinov2024",
            authors=("I. Sadrtdinov", "M. Kodryan", "E. Pokonechny", "E. Lobacheva", "D. Vetrov"),
            year=2024,
            title="Where Do Large Learning Rates Lead Us?",
            url="https://arxiv.org/abs/2410.22113",
            question="which large rates lead to one good basin with few features?",
        ),
        Paper(
            stem="ren2024",
            authors=("Y. Ren", "C. Ma", "L. Ying"),
            year=2024,
            title="Understanding the Generalization Benefits of Late Learning Rate Decay",
            url="https://arxiv.org/abs/2401.11600",
            question="does a long large-rate phase lead to the minimum-norm solution?",
        ),
    )
}

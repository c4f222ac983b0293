"""Speed and memory of lrtheory as ratios within one run; nothing is asserted, because machines differ."""

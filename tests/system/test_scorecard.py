"""The short form of the score card: no figure of its sample is below the recorded one."""

import json

from support.scorecard.short import below, measured
from support.scorecard.sources import ROOT


def test_no_figure_is_below_the_recorded_one():
    short = json.loads((ROOT / "docs" / "results" / "scorecard.json").read_text(encoding="utf-8"))["short"]
    assert below(measured(short["mutants"]), short["figures"]) == []

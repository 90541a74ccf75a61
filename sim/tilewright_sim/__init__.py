"""Everything that drives a simulation of the generated hardware: golden models, runners, networks."""

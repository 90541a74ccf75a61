"""A network from a file, to run and to estimate."""

from pathlib import Path
from typing import Self

import numpy as np

from tilewright_sim.host import Runtime
from tilewright_sim.nn.graph import Graph
from tilewright_sim.nn.importers import read_tflite

from .session import NetworkRun, Session

__all__ = ["Network"]


class Network:
    def __init__(self, graph: Graph):
        self.graph = graph

    @classmethod
    def load(cls, path: Path | str) -> Self:
        return cls(read_tflite(Path(path)))

    def run(self, chip: Runtime, *inputs, check=False) -> NetworkRun:
        with Session(self.graph, chip, check) as session:
            return session.run([np.asarray(value) for value in inputs])

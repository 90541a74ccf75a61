"""Complete systems around the accelerator, for boards: memory, host link, clocks, and the flow to a bitstream."""

from .catalog import BOARDS, Board
from .config import BoardConfig
from .system import BoardSystem, board_ports
from .top import nearest_clock, top_level

__all__ = ["BOARDS", "Board", "BoardConfig", "BoardSystem", "board_ports", "nearest_clock", "top_level"]

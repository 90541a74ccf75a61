"""``python -m support.scorecard``, see ``scripts/scorecard``."""

import sys

from support.scorecard.command import main

sys.exit(main())

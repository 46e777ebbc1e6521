"""``python -m seed_matrace``, the same as the command ``seed-matrace``."""

import sys

from seed_matrace.cli import main

sys.exit(main())

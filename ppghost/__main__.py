"""`python -m ppghost` is `ppghost`."""

import sys

from ppghost.cli import main

sys.exit(main())

"""`python -m ppghost` is `ppghost`."""

import sys

from ppghost.cli.main import main

sys.exit(main())

"""`python -m ppghost` is `ppghost`."""

from ppghost.cli import run_command

run_command()

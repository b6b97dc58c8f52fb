"""The parts of operator_sweep.py: processes that do what may end them, and the table."""

"""What tests of several rooms use: emulated phones, small models, data sets, written results."""

from pathlib import Path

#: the checkout, and the configs in it
ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"

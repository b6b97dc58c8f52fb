from .analysis.complexity import analyze
from .config.loading import load_config
from .data.datasets.user import register_dataset
from .inference.export import export
from .inference.label import label
from .inference.predict import Predictor
from .models.factory import create_model, list_models
from .models.registry import register_model
from .training.callbacks import Callback
from .training.evaluation import evaluate
from .training.loop import train

__version__: str
__all__ = [
    "Callback",
    "Predictor",
    "analyze",
    "create_model",
    "evaluate",
    "export",
    "label",
    "list_models",
    "load_config",
    "register_dataset",
    "register_model",
    "train",
]

from .conversion.convert import convert
from .conversion.quantize import quantize
from .latency.compare import compare
from .latency.runner import bench
from .reporting.write import report

__all__ = ["bench", "compare", "convert", "quantize", "report"]

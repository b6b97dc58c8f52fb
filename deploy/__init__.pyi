from .conversion.convert import convert
from .conversion.quantize import quantize
from .latency.compare import compare
from .latency.guideline_ratios import guideline_ratios
from .latency.layer_shares import layer_shares
from .latency.runner import bench
from .profiling.guidelines import bench_guidelines
from .profiling.layers import bench_layers
from .reporting.write import report

__all__ = [
    "bench",
    "bench_guidelines",
    "bench_layers",
    "compare",
    "convert",
    "guideline_ratios",
    "layer_shares",
    "quantize",
    "report",
]

"""GhostNet in PaddlePaddle: built, trained, exported, converted and timed.

What is offered stands in `__init__.pyi`; it is imported when it is first used.
"""

# zlib must be loaded before paddle, everywhere: libpaddle 2.6 exports zlib symbols of its own,
# and with paddle first gzip, compressed .npz and PNG decoding in Pillow and OpenCV die with
# SIGSEGV or corrupt the heap.
import zlib  # noqa: F401

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""GhostNet in PaddlePaddle: built, trained, exported, converted and timed."""

# zlib must be loaded before paddle, everywhere: libpaddle 2.6 exports zlib symbols of its own,
# and with paddle first gzip, compressed .npz and PNG decoding in Pillow and OpenCV die with
# SIGSEGV or corrupt the heap.
import zlib  # noqa: F401

__version__ = "0.1.0"

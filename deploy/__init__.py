"""From an exported model to a report of its latency.

What is offered stands in `__init__.pyi`; it is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

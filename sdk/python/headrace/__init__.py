"""Log typed, checked, counted events: the Python face of libheadrace. README.md has an example."""
from .client import Client, options
from .errors import Error, EventError, OptionError, SchemaError, TimeoutError
from .schema import Schema, type_of

__version__ = "0.1.0"
__all__ = ["Client", "Error", "EventError", "OptionError", "Schema", "SchemaError", "TimeoutError", "options", "type_of"]

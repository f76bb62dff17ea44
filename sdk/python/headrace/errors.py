"""What goes wrong, as exceptions. `name` is that of headrace.h: "HR_EINVAL"."""
from . import _library


class Error(Exception):
    """code: a negative HR_E*; name: its name; the text says what and where."""

    def __init__(self, code, text=None):
        lib = _library.lib()
        self.code = code
        self.name = lib.hr_errname(code).decode()
        super().__init__(text or lib.hr_strerror(code).decode())


class OptionError(Error):
    """No such option, or a value it cannot have."""


class SchemaError(Error):
    """A type that cannot be logged; the text says where in it."""


class TimeoutError(Error):
    """Not all was acknowledged in time. With a spool folder it is kept."""


class EventError(ValueError):
    """The event is not of its type; the text names the field."""


HR_ENOMEM, HR_EFULL, HR_ETOOBIG, HR_ECLOSED = -2, -3, -4, -5
HR_ESCHEMA, HR_ETIMEOUT, HR_ELIMIT = -9, -11, -19
DROPPED = frozenset([HR_ENOMEM, HR_EFULL, HR_ETOOBIG, HR_ECLOSED, HR_ELIMIT])


def check(code, err=None, kind=Error):
    """Raises what a call says; err: its struct hr_error, filled on failure."""
    if code != 0:
        raise kind(code, err.text.decode(errors="replace") if err is not None and err.text else None)

"""A client: log, flush, close, counters."""
import atexit
import ctypes
import datetime
import os
import weakref

from . import _library
from .errors import DROPPED, HR_ECLOSED, HR_ETIMEOUT, Error, EventError, OptionError, TimeoutError, check
from .schema import type_of

LEVELS = {1: "error", 2: "warning", 3: "info"}
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_open = weakref.WeakSet()


def options():
    """The options a client takes: {name: (type, unit, default, range, sentence)}."""
    found = {}

    @_library.OPTION_FN
    def each(_, name, *rest):
        found[name.decode()] = tuple(text.decode() for text in rest)

    _library.lib().hr_options_each(each, None)
    return found


def _text(value):
    return ("true" if value else "false") if isinstance(value, bool) else os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def _time_ns(time):
    if time is None:
        return 0
    if isinstance(time, datetime.datetime):
        if time.tzinfo is None:
            time = time.astimezone()  # local time, as datetime itself takes it
        d = time - _EPOCH
        return ((d.days * 86400 + d.seconds) * 1000000 + d.microseconds) * 1000
    return int(time)


def _milliseconds(seconds):
    return max(0, int(seconds * 1000))


class Client:
    """Options by name: Client(app="shop", spool_dir="spool", spool_cap_bytes="64MiB"). logger(level, line): "error", "warning" or
    "info"; called on a thread of the library. Any thread may log."""

    def __init__(self, *, logger=None, **values):
        lib = _library.lib()
        self._client = None
        self._pid = os.getpid()
        opt, err, handle = lib.hr_options_new(), _library.HrError(), _library.c_client_p()
        if not opt:
            raise MemoryError("headrace")
        try:
            for name, value in values.items():
                if value is not None:
                    check(lib.hr_options_set(opt, name.encode(), _text(value).encode(), ctypes.byref(err)), err, OptionError)
            self._logger = _library.LOG_FN(lambda _, level, line: _tell(logger, level, line)) if logger is not None else None
            if self._logger is not None:
                lib.hr_options_set_logger(opt, self._logger, None, 3)
            check(lib.hr_open(opt, ctypes.byref(handle), ctypes.byref(err)), err)
        finally:
            lib.hr_options_free(opt)
        self._client = handle
        self._log_wire = _library.log_wire()
        _open.add(self)

    def _handle(self):
        if self._client is None:
            raise Error(HR_ECLOSED, "the client is closed")
        return self._client

    def log(self, event, fields=None, *, time=None):
        """Log one event: a message, or a message class and a dict of its fields, as protobuf's JSON has them. time: a datetime, or
        nanoseconds since 1970; now, if left out. True; False: dropped and counted. EventError: it is not of its type."""
        if fields is not None:
            event = _message(event, fields)
        try:
            row = event.SerializeToString()
        except AttributeError:
            raise EventError(f"an event is a protobuf message, not {type(event).__name__}") from None
        except Exception as e:  # EncodeError: a required field is missing
            raise EventError(f"{event.DESCRIPTOR.full_name}: {e}") from e
        r = self._log_wire(self._client or self._handle(), type_of(event.DESCRIPTOR), 0 if time is None else _time_ns(time), row, len(row))
        return r == 0 or _refused(r)

    def log_wire(self, type_, row, *, time=None):
        """The same from protobuf bytes; type_: headrace.type_of(SomeMessage.DESCRIPTOR)."""
        r = self._log_wire(self._handle(), type_, _time_ns(time), row, len(row))
        return r == 0 or _refused(r)

    def flush(self, timeout=5.0):
        """Wait until all that was logged is acknowledged as durable. TimeoutError, after so many seconds."""
        self._check(_library.lib().hr_flush(self._handle(), _milliseconds(timeout)))

    def close(self, timeout=5.0):
        """Flush, and end. TimeoutError: closed all the same. No other thread may be logging. A second time: nothing."""
        handle, self._client = self._client, None
        if handle is not None and self._pid == os.getpid():
            _open.discard(self)
            self._check(_library.lib().hr_close(handle, _milliseconds(timeout)))

    @staticmethod
    def _check(code):
        check(code, kind=TimeoutError if code == HR_ETIMEOUT else Error)

    def stats(self):
        """Counters by name: {"logged": 3, "dropped": 0, ...}."""
        lib, found, i = _library.lib(), {}, 0
        handle = self._handle()
        while True:
            name = lib.hr_stats_name(i)
            if name is None:
                return found
            found[name.decode()] = lib.hr_stats_get(handle, i)
            i += 1

    @property
    def status(self):
        """Why the last batch, schema or connection was refused; "" when nothing is wrong."""
        text = ctypes.create_string_buffer(256)
        _library.lib().hr_status_text(self._handle(), text, len(text))
        return text.value.decode(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            self.close()
        except TimeoutError:
            if exc[0] is None:  # else what went wrong first is what the caller should see
                raise

    def __del__(self):
        try:
            self.close(0)
        except Exception:
            pass  # nobody can be told any more


def _refused(code):
    if code in DROPPED:
        return False
    raise Error(code)


def _tell(logger, level, line):
    try:
        logger(LEVELS.get(level, "?"), line.decode(errors="replace"))
    except Exception:
        import sys
        sys.excepthook(*sys.exc_info())


def _message(cls, fields):
    from google.protobuf import json_format

    event = cls() if isinstance(cls, type) else None
    if event is None:
        raise EventError("fields go with a message class")
    try:
        return json_format.ParseDict(fields, event)
    except json_format.ParseError as e:
        raise EventError(f"{event.DESCRIPTOR.full_name}: {e}") from e


@atexit.register
def _close_all():
    for client in list(_open):
        try:
            client.close(2)
        except Exception:
            pass


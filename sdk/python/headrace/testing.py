"""A collector inside the process, for unit tests (libheadrace-test): every client opened while it is there sends to it."""
import ctypes
import json

from . import _library
from .errors import check

FUNCTIONS = {
    "hr_test_open": (ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p, ctypes.POINTER(_library.HrError)),
    "hr_test_close": (ctypes.c_int, ctypes.c_void_p),
    "hr_test_url": (ctypes.c_char_p, ctypes.c_void_p),
    "hr_test_expect": (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p),
    "hr_test_expect_any": (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p),
    "hr_test_expect_broken": (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p),
    "hr_test_expect_none": (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p),
    "hr_test_count": (ctypes.c_uint64, ctypes.c_void_p, ctypes.c_char_p),
    "hr_test_rows_json": (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p),
    "hr_test_free": (None, ctypes.c_void_p),
    "hr_test_reset": (None, ctypes.c_void_p),
    "hr_test_why": (ctypes.c_char_p, ctypes.c_void_p),
}
_lib = None


def _load():
    global _lib
    if _lib is None:
        _library.lib()
        _lib = ctypes.CDLL(_library.find("headrace-test", "HEADRACE_TEST_LIBRARY"))
        _library.declare(_lib, FUNCTIONS)
    return _lib


def _bytes(text):
    return None if text is None else text.encode()


class Collector:
    """with Collector() as collector: ... The questions flush first, so nothing needs to wait. AssertionError says how events differ."""

    def __init__(self):
        self._lib = _load()
        self._test, err = ctypes.c_void_p(), _library.HrError()
        check(self._lib.hr_test_open(ctypes.byref(self._test), None, ctypes.byref(err)), err)

    def _expect(self, code):
        if code != 0:
            raise AssertionError(self._lib.hr_test_why(self._test).decode(errors="replace") or _library.lib().hr_strerror(code).decode())

    @property
    def url(self):
        return self._lib.hr_test_url(self._test).decode()

    def expect(self, stream, fields=None, any_order=False):
        """The oldest event not taken yet (any_order: one of them) has exactly these fields (None: any) and keeps its rules."""
        ask = self._lib.hr_test_expect_any if any_order else self._lib.hr_test_expect
        self._expect(ask(self._test, stream.encode(), None if fields is None else json.dumps(fields).encode()))

    def expect_broken(self, stream, fields=None, rule_id=None):
        self._expect(self._lib.hr_test_expect_broken(self._test, stream.encode(), None if fields is None else json.dumps(fields).encode(),
                                                     _bytes(rule_id)))

    def expect_none(self, stream=None):
        """Every event was taken, and no call was dropped."""
        self._expect(self._lib.hr_test_expect_none(self._test, _bytes(stream)))

    def count(self, stream=None):
        return self._lib.hr_test_count(self._test, _bytes(stream))

    def rows(self, stream=None):
        """[{"stream": .., "row": {..}, "broken": ".."}], in order of arrival."""
        text = self._lib.hr_test_rows_json(self._test, _bytes(stream))
        if not text:
            raise MemoryError("headrace")
        try:
            return json.loads(ctypes.string_at(text))
        finally:
            self._lib.hr_test_free(text)

    def reset(self):
        self._lib.hr_test_reset(self._test)

    def close(self):
        test, self._test = self._test, None
        if test is not None:
            check(self._lib.hr_test_close(test))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

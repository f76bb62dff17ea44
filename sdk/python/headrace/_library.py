"""The shared library and its functions, by ctypes. Nothing else in the package knows ctypes but this and testing.py."""
import ctypes
import ctypes.util
import os

c_client_p = ctypes.c_void_p
LOG_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
OPTION_FN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_char_p] * 6)


class HrError(ctypes.Structure):
    _fields_ = [("code", ctypes.c_int), ("text", ctypes.c_char * 508)]


def find(name, env):
    """The library by the environment, the loader's cache, or its name and version."""
    return os.environ.get(env) or ctypes.util.find_library(name) or f"lib{name}.so.1"


def declare(lib, functions):
    for name, (result, *args) in functions.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = args


FUNCTIONS = {
    "hr_strerror": (ctypes.c_char_p, ctypes.c_int),
    "hr_errname": (ctypes.c_char_p, ctypes.c_int),
    "hr_options_new": (ctypes.c_void_p,),
    "hr_options_free": (None, ctypes.c_void_p),
    "hr_options_set": (ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(HrError)),
    "hr_options_each": (None, OPTION_FN, ctypes.c_void_p),
    "hr_options_set_logger": (None, ctypes.c_void_p, LOG_FN, ctypes.c_void_p, ctypes.c_int),
    "hr_open": (ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(c_client_p), ctypes.POINTER(HrError)),
    "hr_flush": (ctypes.c_int, c_client_p, ctypes.c_int64),
    "hr_close": (ctypes.c_int, c_client_p, ctypes.c_int64),
    "hr_type_open": (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(HrError)),
    "hr_log_wire": (ctypes.c_int, c_client_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p, ctypes.c_size_t),
    "hr_stats_get": (ctypes.c_uint64, c_client_p, ctypes.c_int),
    "hr_stats_name": (ctypes.c_char_p, ctypes.c_int),
    "hr_status_text": (None, c_client_p, ctypes.c_char_p, ctypes.c_size_t),
}
_lib = None
_quick = None


def _load():
    global _lib, _quick
    if _lib is None:
        path = find("headrace", "HEADRACE_LIBRARY")
        lib = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        declare(lib, FUNCTIONS)
        # A log call waits for nothing, so to let go of the interpreter's lock around it would only cost.
        _quick = ctypes.PyDLL(path).hr_log_wire
        _quick.restype, _quick.argtypes = FUNCTIONS["hr_log_wire"][0], FUNCTIONS["hr_log_wire"][1:]
        _lib = lib
    return _lib


def lib():
    return _lib if _lib is not None else _load()


def log_wire():
    lib()
    return _quick

# The HTTP API: requests from bytes, answers from a store in memory, and all of it over sockets.
headrace_test(unit_http unit SOURCES unit/test_http.c LIBS headraced_core)
headrace_test(unit_micro unit SOURCES unit/test_micro.c LIBS headraced_core)
headrace_test(unit_api unit SOURCES unit/test_api.c LIBS test_daemon test_schemas headraced_core)
headrace_python_test(http integration integration/test_http.py)
headrace_python_test(micro integration integration/test_micro.py)

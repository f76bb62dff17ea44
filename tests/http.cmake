# The HTTP API: requests from bytes.
headrace_test(unit_http unit SOURCES unit/test_http.c LIBS headraced_core)

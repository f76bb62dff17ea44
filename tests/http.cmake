# The HTTP API: requests from bytes, answers from a store in memory, and all of it over sockets.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
headrace_test(unit_http unit SOURCES unit/test_http.c LIBS headraced_core)
headrace_test(unit_api unit SOURCES unit/test_api.c LIBS test_daemon test_schemas headraced_core)
add_test(NAME http COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_http.py)
set_tests_properties(http PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77
    ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONPATH=${CMAKE_CURRENT_SOURCE_DIR}/support;PYTHONDONTWRITEBYTECODE=1")

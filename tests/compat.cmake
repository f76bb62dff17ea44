# Compatibility of two versions of an event.
add_executable(compat_dump compat/compat_dump.c)
target_link_libraries(compat_dump PRIVATE hrp_schema_tools)
set_target_properties(compat_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME compat_pairs COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/compat/test_pairs.py)
set_tests_properties(compat_pairs PROPERTIES LABELS unit TIMEOUT 300
    ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")

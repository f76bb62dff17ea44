# Compatibility of two versions of an event.
add_executable(compat_dump compat/compat_dump.c)
target_link_libraries(compat_dump PRIVATE hrp_schema_tools)
set_target_properties(compat_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
headrace_python_test(compat_pairs unit compat/test_pairs.py)
headrace_python_test(compat_buf integration compat/test_buf.py TIMEOUT 3000 ENVIRONMENT HEADRACE_PAIRS=460)
headrace_python_test(compat_buf_nightly nightly compat/test_buf.py TIMEOUT 3000 ENVIRONMENT HEADRACE_PAIRS=3000)

# The headrace command: its parts, then the command itself against a real daemon; and the demo.
headrace_test(unit_cli unit SOURCES unit/test_cli.c LIBS headrace_cli)
headrace_test(unit_cli_span unit SOURCES unit/test_span.c LIBS headrace_cli)

find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(headrace_python_test name label script) # headrace_python_test(name label script TIMEOUT s ARGS ...)
    cmake_parse_arguments(T "" "TIMEOUT" "ARGS" ${ARGN})
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${T_ARGS})
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77
        ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONPATH=${CMAKE_CURRENT_SOURCE_DIR}/support;PYTHONDONTWRITEBYTECODE=1")
endfunction()
headrace_python_test(cli integration integration/test_cli.py TIMEOUT 300)

# What is measured and shown is the release build's; the demo's data come from npm.
if(NOT HEADRACE_SANITIZE AND NOT HEADRACE_COVERAGE)
    add_custom_target(headrace_demo_program ALL DEPENDS headrace_demo)
    headrace_python_test(demo integration integration/test_demo.py TIMEOUT 900)
    headrace_python_test(stored_bytes integration integration/test_stored_bytes.py TIMEOUT 900)
    set_tests_properties(demo stored_bytes PROPERTIES RUN_SERIAL ON)
endif()

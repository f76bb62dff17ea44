# The headrace command: its parts, then the command itself against a real daemon; and the demo.
headrace_test(unit_cli unit SOURCES unit/test_cli.c LIBS headrace_cli)
headrace_test(unit_cli_span unit SOURCES unit/test_span.c LIBS headrace_cli)

headrace_python_test(cli integration integration/test_cli.py TIMEOUT 300)

# What is measured and shown is the release build's; the demo's data come from npm.
if(NOT HEADRACE_SANITIZE AND NOT HEADRACE_COVERAGE)
    add_custom_target(headrace_demo_program ALL DEPENDS headrace_demo)
    headrace_python_test(demo integration integration/test_demo.py TIMEOUT 900)
    headrace_python_test(stored_bytes integration integration/test_stored_bytes.py TIMEOUT 900)
    set_tests_properties(demo stored_bytes PROPERTIES RUN_SERIAL ON)
endif()

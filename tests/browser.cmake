# The status page in a real browser; screenshots are left in <build>/tests/browser.
find_program(NODE node)
if(NODE)
    add_test(NAME page COMMAND ${NODE} ${CMAKE_CURRENT_SOURCE_DIR}/browser/test_page.mjs)
    set_tests_properties(page PROPERTIES LABELS browser TIMEOUT 600 SKIP_RETURN_CODE 77
        ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR}")
else()
    message(STATUS "no node: the page's test is left out")
endif()

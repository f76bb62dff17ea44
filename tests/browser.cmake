# The status page in a real browser; screenshots are left in <build>/tests/browser.
find_program(NODE node)
if(NODE)
    headrace_command_test(page browser TIMEOUT 600 COMMAND ${NODE} ${CMAKE_CURRENT_SOURCE_DIR}/browser/test_page.mjs)
else()
    message(STATUS "no node: the page's test is left out")
endif()

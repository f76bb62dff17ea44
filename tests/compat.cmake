# Compatibility of two versions of an event.
add_executable(compat_dump compat/compat_dump.c)
target_link_libraries(compat_dump PRIVATE hrp_schema_tools)
set_target_properties(compat_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME compat_pairs COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/compat/test_pairs.py)
set_tests_properties(compat_pairs PROPERTIES LABELS unit TIMEOUT 300
    ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
foreach(size "460" "3000") # pairs; the larger one by night
    set(name compat_buf)
    set(label integration)
    if(size STREQUAL "3000")
        set(name compat_buf_nightly)
        set(label nightly)
    endif()
    add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/compat/test_buf.py)
    set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 3000
        ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};HEADRACE_PAIRS=${size};PYTHONDONTWRITEBYTECODE=1")
endforeach()

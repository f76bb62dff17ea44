# Real processes that are killed, disks that are full, power that is cut. Each has its control, which must fail.
if(TARGET headraced)
    function(headrace_fault_test name source)
        headrace_test(${name} fault SOURCES fault/${source} fault/run.c fault/oracle.c fault/mount.c support/event_type.c
            LIBS test_daemon headrace_sdk TIMEOUT 600)
        add_dependencies(${name} headraced)
        set_tests_properties(${name} PROPERTIES RUN_SERIAL ON SKIP_RETURN_CODE 77)
    endfunction()
    function(headrace_fault_control name program environment) # headrace_fault_control(name program environment args...)
        add_test(NAME ${name} COMMAND ${program} ${ARGN})
        set_tests_properties(${name} PROPERTIES LABELS fault TIMEOUT 600 WILL_FAIL ON RUN_SERIAL ON SKIP_RETURN_CODE 77
            ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};${environment}")
    endfunction()
    headrace_fault_test(fault_kill test_kill.c)
    headrace_fault_test(fault_power test_power.c)
    headrace_fault_test(fault_full test_full.c)
    function(headrace_fault_nightly name program) # the same for longer
        add_test(NAME ${name} COMMAND ${program} ${ARGN})
        set_tests_properties(${name} PROPERTIES LABELS "nightly" TIMEOUT 14400 RUN_SERIAL ON SKIP_RETURN_CODE 77
            ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR}")
    endfunction()
    headrace_fault_nightly(fault_kill_nightly fault_kill --rounds 500 --calls 10000000)
    headrace_fault_nightly(fault_power_nightly fault_power --cuts 400)
    headrace_fault_nightly(fault_full_nightly fault_full --cycles 50)
    headrace_fault_control(fault_power_control fault_power "" --unsynced --cuts 10)
    if(NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo") # bugs are planted in test builds only
        headrace_fault_control(fault_kill_control fault_kill "HEADRACE_PLANT=trim-off" --rounds 12 --calls 100000)
    endif()
endif()

# Real processes that are killed, disks that are full, power that is cut. Each has its control, which must fail.
if(TARGET headraced)
    set(FAULT_SOURCES fault/oracle.c support/event_type.c)
    headrace_test(fault_kill fault SOURCES fault/test_kill.c ${FAULT_SOURCES} LIBS test_daemon headrace_sdk TIMEOUT 600)
    add_dependencies(fault_kill headraced)
    set_tests_properties(fault_kill PROPERTIES RUN_SERIAL ON)
    if(NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo") # bugs are planted in test builds only
        add_test(NAME fault_kill_control COMMAND fault_kill --rounds 12 --calls 100000)
        set_tests_properties(fault_kill_control PROPERTIES LABELS fault TIMEOUT 600 WILL_FAIL ON RUN_SERIAL ON
            ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};HEADRACE_PLANT=trim-off")
    endif()
endif()

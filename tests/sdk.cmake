# The SDK: lanes, options, spool, connection and the client as an application sees it.
set(SDK_SUPPORT support/fake_collector.c support/event_type.c)
headrace_test(unit_lane unit SOURCES unit/test_lane.c LIBS headrace_sdk)
headrace_test(unit_clock unit SOURCES unit/test_clock.c LIBS headrace_sdk)
headrace_test(unit_row unit SOURCES unit/test_row.c LIBS headrace_sdk)
headrace_test(unit_options unit SOURCES unit/test_options.c LIBS headrace_sdk)
headrace_test(unit_client unit SOURCES unit/test_client.c ${SDK_SUPPORT} LIBS headrace_sdk)
if(NOT HEADRACE_SANITIZE AND NOT HEADRACE_COVERAGE) # both allocate and call the kernel where they like
    headrace_test(unit_call unit SOURCES unit/test_call.c support/event_type.c LIBS headrace_sdk test_daemon)
endif()
headrace_test(unit_spool unit SOURCES unit/test_spool.c support/event_type.c LIBS headrace_sdk)
headrace_test(unit_conn unit SOURCES unit/test_conn.c support/event_type.c LIBS headrace_sdk)
headrace_test(unit_notice unit SOURCES unit/test_notice.c ${SDK_SUPPORT} LIBS headrace_sdk)
if(NOT HEADRACE_FUZZ) # shared libraries, as an application links them
    headrace_test(unit_testing unit SOURCES unit/test_testing.c LIBS headrace_test_shared)
    headrace_generate(unit_testing protos/placed.proto)
    set(testing ${PROJECT_SOURCE_DIR}/sdk/testing) # in one program with the allocator that fails
    headrace_test(unit_testing_memory unit SOURCES unit/test_testing_memory.c ${testing}/diff.c ${testing}/door.c ${testing}/peer.c ${testing}/store.c
        ${testing}/test.c LIBS headrace_sdk hrp_json)
    target_include_directories(unit_testing_memory PRIVATE ${testing})
    headrace_generate(unit_testing_memory protos/placed.proto)
endif()

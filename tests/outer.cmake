# What happens to rows after they are stored: profiles, reading back, sinks.
if(HEADRACE_COLLECTOR)
    add_executable(bench_profile bench/bench_profile.c) # run by hand, in a release build
    target_link_libraries(bench_profile PRIVATE test_schemas headraced_core)
    set_target_properties(bench_profile PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

    add_library(test_puts_kit STATIC support/puts_kit.c)
    target_link_libraries(test_puts_kit PUBLIC test_support headraced_core)
    headrace_test(unit_ranges unit SOURCES unit/test_ranges.c LIBS headraced_core)
    headrace_test(unit_profile unit SOURCES unit/test_profile.c LIBS test_batches headraced_core)
    headrace_test(unit_read unit SOURCES unit/test_read.c LIBS test_commit_kit)
    headrace_test(unit_keeper unit SOURCES unit/test_keeper.c LIBS test_commit_kit test_puts_kit)
    headrace_test(unit_sink_file unit SOURCES unit/test_sink_file.c LIBS test_commit_kit test_puts_kit test_daemon)
endif()

# The real daemon, killed at random moments; the nightly run does it more often.
if(TARGET headraced)
    headrace_test(integration_file_sink integration
        SOURCES integration/test_file_sink.c fault/run.c fault/oracle.c support/event_type.c
        LIBS test_daemon headrace_sdk PkgConfig::JANSSON TIMEOUT 300)
    add_dependencies(integration_file_sink headraced)
    set_tests_properties(integration_file_sink PROPERTIES RUN_SERIAL ON)
    headrace_command_test(integration_file_sink_long nightly TIMEOUT 1800 COMMAND integration_file_sink --rounds 60 --calls 1000000)
    set_tests_properties(integration_file_sink_long PROPERTIES RUN_SERIAL ON)
endif()

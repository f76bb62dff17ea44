# The collector: parts by themselves, and the daemon as a whole.

# sessions, ingest, options, the daemon
add_library(test_session_kit STATIC support/session_kit.c)
target_link_libraries(test_session_kit PUBLIC test_schemas headraced_core)
headrace_test(unit_session unit SOURCES unit/test_session.c LIBS test_session_kit)
headrace_test(unit_worker unit SOURCES unit/test_worker.c LIBS test_session_kit)
headrace_test(unit_ingest unit SOURCES unit/test_ingest.c LIBS test_schemas headraced_core)
headrace_test(property_small_frame property SOURCES property/test_small_frame.c LIBS test_batches headraced_core)
target_link_options(property_small_frame PRIVATE -Wl,--wrap=hrp_malloc,--wrap=hrp_calloc,--wrap=hrp_realloc,--wrap=hrp_memdup,--wrap=hrp_strdup,--wrap=hrp_free)
headrace_test(unit_config unit SOURCES unit/test_config.c LIBS headraced_core)
headrace_test(integration_end_to_end integration SOURCES integration/test_end_to_end.c support/event_type.c
    LIBS test_daemon headrace_sdk PkgConfig::JANSSON TIMEOUT 300)
add_dependencies(integration_end_to_end headraced)

# the commit path
add_library(test_commit_kit STATIC support/commit_kit.c)
target_link_libraries(test_commit_kit PUBLIC test_schemas headraced_core)
headrace_test(unit_log unit SOURCES unit/test_log.c LIBS headraced_core)
headrace_test(unit_registry unit SOURCES unit/test_registry.c LIBS test_schemas headraced_core)
headrace_test(unit_producers unit SOURCES unit/test_producers.c LIBS headraced_core)
headrace_test(unit_committer unit SOURCES unit/test_committer.c LIBS test_commit_kit)
headrace_test(unit_committer_thread unit SOURCES unit/test_committer_thread.c LIBS test_commit_kit)
headrace_test(unit_committer_disk unit SOURCES unit/test_committer_disk.c LIBS test_commit_kit)
headrace_test(property_exactly_once property SOURCES property/test_exactly_once.c LIBS test_commit_kit)
add_executable(bench_commit bench/bench_commit.c) # run by hand, in a release build
target_link_libraries(bench_commit PRIVATE test_schemas headraced_core)
set_target_properties(bench_commit PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

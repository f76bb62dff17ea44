# The collector: parts by themselves, and the daemon as a whole.

# sessions, ingest, options, the daemon
add_library(test_session_kit STATIC support/session_kit.c)
target_link_libraries(test_session_kit PUBLIC test_schemas headraced_core)
headrace_test(unit_session unit SOURCES unit/test_session.c LIBS test_session_kit)
headrace_test(unit_ingest unit SOURCES unit/test_ingest.c LIBS test_schemas headraced_core)
headrace_test(unit_config unit SOURCES unit/test_config.c LIBS headraced_core)

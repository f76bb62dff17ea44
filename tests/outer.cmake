# What happens to rows after they are stored: profiles, reading back, sinks.
if(HEADRACE_COLLECTOR)
    add_library(test_puts_kit STATIC support/puts_kit.c)
    target_link_libraries(test_puts_kit PUBLIC test_support headraced_core)
    headrace_test(unit_keeper unit SOURCES unit/test_keeper.c LIBS test_commit_kit test_puts_kit)
    headrace_test(unit_sink_file unit SOURCES unit/test_sink_file.c LIBS test_commit_kit test_puts_kit test_daemon)
endif()

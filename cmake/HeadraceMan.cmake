# Man pages: packaging/man/*.in with the lists of options, errors and counters filled in from the one table of each, so that a new
# option is in its page by being there. Made when the build is configured; a changed table configures it again.

# headrace_man_list(<out> <table> <pattern> <replacement>): the lines of the table that match, rewritten.
function(headrace_man_list out table pattern replacement)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
    file(READ ${table} lines)
    string(REPLACE ";" "<semicolon>" lines "${lines}") # a list of lines has them between its elements
    string(REPLACE "\n" ";" lines "${lines}")
    set(text "")
    foreach(line IN LISTS lines)
        if(line MATCHES "${pattern}")
            string(REGEX REPLACE "${pattern}.*" "${replacement}" item "${line}")
            string(REPLACE "HR_DEFAULT_URL" "headrace://127.0.0.1:7411" item "${item}")
            string(REGEX REPLACE "\\. ([A-Z])" ".\n\\1" item "${item}") # mdoc wants each sentence on a line of its own
            string(APPEND text "${item}\n")
        endif()
    endforeach()
    string(STRIP "${text}" text)
    string(REPLACE "<semicolon>" ";" text "${text}")
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

set(q "\"([^\"]*)\"")
headrace_man_list(SDK_OPTIONS ${PROJECT_SOURCE_DIR}/sdk/options.def
    "^HRS_OPTION\\(([a-z0-9_]+), ([A-Z]+), ${q}, \"?([^\",]*)\"?, ([0-9]+), ([0-9]+), ${q}\\)"
    ".It Va \\1 Pq \\2, default Dq \\4\n\\7")
headrace_man_list(ERRORS ${PROJECT_SOURCE_DIR}/proto/errors.def
    "^HR_ERROR\\(([A-Z_]+), +(-[0-9]+), +[01], ${q}\\)" ".It Dv \\1 Pq \\2\n\\3")
headrace_man_list(DAEMON_OPTIONS ${PROJECT_SOURCE_DIR}/collector/options.def
    "^HRD_(TEXT|BYTES|COUNT|BOOL)\\(([a-z_]+), \"?([^\",]*)\"?, .*${q}\\)" ".It Fl -\\2 Pq default Dq \\3\n\\4")
# On the command line a name has hyphens.
string(REGEX REPLACE "Fl -([a-z]+)_([a-z]+)_([a-z]+)" "Fl -\\1-\\2-\\3" DAEMON_OPTIONS "${DAEMON_OPTIONS}")
string(REGEX REPLACE "Fl -([a-z]+)_([a-z]+)" "Fl -\\1-\\2" DAEMON_OPTIONS "${DAEMON_OPTIONS}")

set(man ${CMAKE_BINARY_DIR}/man)
foreach(page libheadrace.3 headrace.1 headraced.8)
    configure_file(${PROJECT_SOURCE_DIR}/packaging/man/${page}.in ${man}/${page} @ONLY)
endforeach()
install(FILES ${man}/libheadrace.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3 COMPONENT sdk)
if(HEADRACE_COLLECTOR)
    install(FILES ${man}/headrace.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
    install(FILES ${man}/headraced.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
endif()

# How a client lives: TLS, and what happens to a process around it.
headrace_test(integration_tls integration SOURCES integration/test_tls.c support/certs.c support/event_type.c
    LIBS headrace_sdk test_daemon PkgConfig::OPENSSL)
add_dependencies(integration_tls headraced headrace_tls_shared)
set_property(TEST integration_tls APPEND PROPERTY ENVIRONMENT "LD_LIBRARY_PATH=$<TARGET_FILE_DIR:headrace_tls_shared>")

if(NOT HEADRACE_FUZZ) # a plugin with the shared library, and one with the archive inside
    headrace_test(unit_life unit SOURCES unit/test_life.c support/proxy.c ${SDK_SUPPORT} LIBS headrace_sdk ${CMAKE_DL_LIBS})
    foreach(kind shared static)
        add_library(life_plugin_${kind} MODULE support/plugin.c)
        target_link_libraries(life_plugin_${kind} PRIVATE test_support headrace_${kind})
        target_link_options(life_plugin_${kind} PRIVATE -Wl,-Bsymbolic)
        string(TOUPPER ${kind} upper)
        target_compile_definitions(unit_life PRIVATE PLUGIN_${upper}="$<TARGET_FILE:life_plugin_${kind}>")
        add_dependencies(unit_life life_plugin_${kind})
    endforeach()
endif()

# How a client lives: TLS, and what happens to a process around it.
headrace_test(integration_tls integration SOURCES integration/test_tls.c support/certs.c support/event_type.c
    LIBS headrace_sdk test_daemon PkgConfig::OPENSSL)
add_dependencies(integration_tls headraced headrace_tls_shared)
set_property(TEST integration_tls APPEND PROPERTY ENVIRONMENT "LD_LIBRARY_PATH=$<TARGET_FILE_DIR:headrace_tls_shared>")

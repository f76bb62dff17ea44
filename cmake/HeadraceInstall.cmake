# What `cmake --install` gives to somebody who writes an application; component `sdk`. The daemon and the command are
# installed where they are built.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/headrace)

install(TARGETS headrace_shared headrace_static headrace_tls_shared headrace_test_shared protoc-gen-headrace EXPORT headrace
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk NAMELINK_COMPONENT sdk
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sdk
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/sdk/include/headrace.h ${PROJECT_SOURCE_DIR}/sdk/include/headrace_row.h ${PROJECT_SOURCE_DIR}/sdk/include/headrace_test.h
    ${PROJECT_SOURCE_DIR}/sdk/include/headrace.hpp
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/proto/errors.h ${PROJECT_SOURCE_DIR}/proto/errors.def
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/headrace COMPONENT sdk)

# The options and rules that a .proto imports; a folder of its own, since others may install rules of that name, too.
set(HEADRACE_PROTO_INSTALL_DIR ${CMAKE_INSTALL_DATADIR}/headrace/proto)
get_property(proto_dir GLOBAL PROPERTY HEADRACE_PROTO_DIR)
install(DIRECTORY ${proto_dir}/ DESTINATION ${HEADRACE_PROTO_INSTALL_DIR} COMPONENT sdk)

# --prefix may name another prefix than that of the configuration, so the .pc file's is filled in on the way.
set(prefix "@prefix@")
configure_file(${PROJECT_SOURCE_DIR}/packaging/headrace.pc.in ${CMAKE_BINARY_DIR}/package/headrace.pc.in @ONLY)
install(CODE "set(prefix \${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_BINARY_DIR}/package/headrace.pc.in ${CMAKE_BINARY_DIR}/package/headrace.pc @ONLY)" COMPONENT sdk)
install(FILES ${CMAKE_BINARY_DIR}/package/headrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/headraceConfig.cmake.in ${CMAKE_BINARY_DIR}/package/headraceConfig.cmake
    INSTALL_DESTINATION ${package_dir} PATH_VARS HEADRACE_PROTO_INSTALL_DIR)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/headraceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/headraceConfig.cmake ${CMAKE_BINARY_DIR}/package/headraceConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/HeadraceGenerate.cmake DESTINATION ${package_dir} COMPONENT sdk)
install(EXPORT headrace NAMESPACE headrace:: FILE headraceTargets.cmake DESTINATION ${package_dir} COMPONENT sdk)

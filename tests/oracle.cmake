# Rules against protovalidate: the executor of its conformance suite.
add_executable(conformance_executor conformance/executor.c)
target_link_libraries(conformance_executor PRIVATE hrp hrd_re2)
set_target_properties(conformance_executor PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

# Rules against protovalidate: the executor of its conformance suite.
add_executable(conformance_executor conformance/executor.c)
target_link_libraries(conformance_executor PRIVATE hrp hrd_re2)
set_target_properties(conformance_executor PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

find_program(NODE node)
# The validator against npm's @bufbuild/protovalidate. By hand, and again: HEADRACE_SEED=n ctest -R rules_differential
if(NODE AND EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/conformance/node_modules)
    set(pairs 20000)
    if(HEADRACE_SANITIZE)
        set(pairs 5000)
    endif()
    function(headrace_differential_test name label pairs)
        headrace_command_test(${name} ${label} TIMEOUT 1200 COMMAND ${NODE} ${CMAKE_CURRENT_SOURCE_DIR}/conformance/differential.mjs
            $<TARGET_FILE:conformance_executor> ${PROJECT_SOURCE_DIR}/proto ${PROTOC} ${CMAKE_CURRENT_BINARY_DIR}/${name} ${pairs})
    endfunction()
    headrace_differential_test(rules_differential integration ${pairs})
    headrace_differential_test(rules_differential_long nightly 500000)
else()
    message(STATUS "no node, or no npm ci in tests/conformance: the differential test of rules is left out")
endif()

# Hostile rules and rows.
rules_descriptor_set(hostile)
add_executable(make_rules_corpus fuzz/make_rules_corpus.c)
target_link_libraries(make_rules_corpus PRIVATE test_schemas hrp_json)
headrace_fuzz(rules SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_rules.c LIBS test_schemas hrd_re2 MAX_LEN 8192)
headrace_fuzz(executor SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_executor.c LIBS hrp hrd_re2 MAX_LEN 4096)
headrace_test(unit_rules_def unit SOURCES unit/test_rules_def.c LIBS test_schemas)

# Rules: the validator on columns, and what it costs.
function(rules_descriptor_set name) # as headrace_descriptor_set, with our own proto/ to import from
    set(out ${CMAKE_CURRENT_BINARY_DIR}/protos/${name}.binpb)
    add_custom_command(OUTPUT ${out}
        COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR}/protos -I${PROJECT_SOURCE_DIR}/proto --include_imports --descriptor_set_out=${out} ${name}.proto
        DEPENDS protos/${name}.proto ${PROJECT_SOURCE_DIR}/proto/buf/validate/validate.proto COMMENT "Compiling ${name}.proto" VERBATIM)
    add_custom_target(test_set_${name} DEPENDS ${out})
    add_dependencies(test_schemas test_set_${name})
endfunction()
rules_descriptor_set(order)
rules_descriptor_set(strict_flight)

headrace_test(unit_rules unit SOURCES unit/test_rules.c LIBS test_batches hrp_json hrd_re2)
headrace_test(unit_findings unit SOURCES unit/test_findings.c LIBS test_batches headraced_core)
add_executable(bench_rules bench/bench_rules.c) # run by hand, in a release build
target_link_libraries(bench_rules PRIVATE test_schemas hrd_re2)
set_target_properties(bench_rules PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
headrace_test(unit_client_rules unit SOURCES unit/test_client_rules.c support/fake_collector.c support/event_type.c LIBS test_schemas headrace_sdk)
headrace_test(unit_samples unit SOURCES unit/test_samples.c LIBS test_batches hrd_re2 hrp_schema_tools)

# What a schema says beyond names and numbers: features of editions, places in the source, options, lint.
headrace_test(unit_editions unit SOURCES unit/test_editions.c LIBS test_batches)

# A set as a person's compiler makes it, with places: <build>/tests/protos/personal.binpb.
set(personal ${CMAKE_CURRENT_BINARY_DIR}/protos/personal.binpb)
add_custom_command(OUTPUT ${personal}
    COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR}/protos -I${PROJECT_SOURCE_DIR}/proto --include_imports --include_source_info
        --descriptor_set_out=${personal} personal.proto
    DEPENDS protos/personal.proto ${PROJECT_SOURCE_DIR}/proto/headrace/options.proto COMMENT "Compiling personal.proto" VERBATIM)
add_custom_target(test_set_personal DEPENDS ${personal})
headrace_test(unit_personal unit SOURCES unit/test_personal.c LIBS test_batches)
add_dependencies(unit_personal test_set_personal)
if(HEADRACE_COLLECTOR)
    target_link_libraries(unit_personal PRIVATE hrp_json)
    target_compile_definitions(unit_personal PRIVATE HAVE_JSON_READER)
endif()

if(HEADRACE_COLLECTOR)
    set(lint ${CMAKE_CURRENT_BINARY_DIR}/protos/lint.binpb)
    add_custom_command(OUTPUT ${lint}
        COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR}/protos -I${PROJECT_SOURCE_DIR}/proto --include_imports --include_source_info
            --descriptor_set_out=${lint} lint.proto
        DEPENDS protos/lint.proto ${PROJECT_SOURCE_DIR}/proto/headrace/options.proto COMMENT "Compiling lint.proto" VERBATIM)
    add_custom_target(test_set_lint DEPENDS ${lint})
    headrace_test(unit_lint unit SOURCES unit/test_lint.c LIBS test_schemas hrp_schema_tools)
    add_dependencies(unit_lint test_set_lint)
endif()

# The contract: schema, JSON, batches, frames; from unit tests to random schemas with random rows.

# Compile protos/<name>.proto with its imports to <build>/tests/protos/<name>.binpb, which support/schemas.h reads.
function(headrace_descriptor_set name) # headrace_descriptor_set(name [file])
    set(file ${CMAKE_CURRENT_SOURCE_DIR}/protos/${name}.proto)
    if(ARGC GREATER 1)
        get_filename_component(file ${ARGV1} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
    endif()
    get_filename_component(dir ${file} DIRECTORY)
    set(out ${CMAKE_CURRENT_BINARY_DIR}/protos/${name}.binpb)
    file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/protos)
    add_custom_command(OUTPUT ${out} COMMAND ${PROTOC} -I${dir} --include_imports --descriptor_set_out=${out} ${file}
        DEPENDS ${file} COMMENT "Compiling ${name}.proto" VERBATIM)
    add_custom_target(test_set_${name} DEPENDS ${out})
    add_dependencies(test_schemas test_set_${name})
endfunction()

add_library(test_schemas STATIC support/schemas.c support/fdset.c)
target_link_libraries(test_schemas PUBLIC test_support hrp)
headrace_descriptor_set(flight)
headrace_descriptor_set(everything)
headrace_descriptor_set(proto2)

# batches
add_library(test_batches STATIC support/rows.c support/batches.c)
target_link_libraries(test_batches PUBLIC test_schemas)
headrace_test(unit_frame unit SOURCES unit/test_frame.c LIBS hrp)
headrace_test(unit_ints unit SOURCES unit/test_ints.c LIBS hrp)
headrace_test(unit_column unit SOURCES unit/test_column.c LIBS hrp)
headrace_test(unit_batch unit SOURCES unit/test_batch.c LIBS test_batches)
headrace_test(unit_batch_limits unit SOURCES unit/test_batch_limits.c LIBS test_batches)
headrace_test(unit_vectors unit SOURCES unit/test_vectors.c LIBS test_schemas)
headrace_test(property_batch_full property SOURCES property/test_batch_full.c LIBS test_batches)
headrace_test(property_batch property SOURCES property/test_batch.c LIBS test_batches PkgConfig::JANSSON)

# schemas and JSON
headrace_test(unit_schema unit SOURCES unit/test_schema.c LIBS test_schemas)
if(HEADRACE_COLLECTOR)
    headrace_test(unit_json unit SOURCES unit/test_json.c LIBS test_schemas hrp_json)
    headrace_test(property_json property SOURCES property/test_json.c LIBS test_batches hrp_json)
endif()
headrace_python_test(protocol unit conformance/test_protocol.py)
add_executable(bench_batch bench/bench_batch.c) # run by hand, in a release build
target_link_libraries(bench_batch PRIVATE test_schemas)
set_target_properties(bench_batch PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)

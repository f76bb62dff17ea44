# The door: personal data, and what becomes of batches of every kind.
set(hashed ${CMAKE_CURRENT_BINARY_DIR}/protos/hashed.binpb)
add_custom_command(OUTPUT ${hashed}
    COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR}/protos -I${PROJECT_SOURCE_DIR}/proto --include_imports
        --descriptor_set_out=${hashed} hashed.proto
    DEPENDS protos/hashed.proto ${PROJECT_SOURCE_DIR}/proto/headrace/options.proto ${PROJECT_SOURCE_DIR}/proto/buf/validate/validate.proto
    COMMENT "Compiling hashed.proto" VERBATIM)
add_custom_target(test_set_hashed DEPENDS ${hashed})
headrace_test(unit_hash unit SOURCES unit/test_hash.c LIBS test_batches hrp_json headraced_core)
add_dependencies(unit_hash test_set_hashed)
headrace_python_test(personal integration integration/test_personal.py)
headrace_test(unit_door unit SOURCES unit/test_door.c LIBS test_commit_kit)
headrace_test(property_door property SOURCES property/test_door.c LIBS test_commit_kit test_batches)

# The door: personal data, and what becomes of batches of every kind.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(hashed ${CMAKE_CURRENT_BINARY_DIR}/protos/hashed.binpb)
add_custom_command(OUTPUT ${hashed}
    COMMAND ${PROTOC} -I${CMAKE_CURRENT_SOURCE_DIR}/protos -I${PROJECT_SOURCE_DIR}/proto --include_imports
        --descriptor_set_out=${hashed} hashed.proto
    DEPENDS protos/hashed.proto ${PROJECT_SOURCE_DIR}/proto/headrace/options.proto ${PROJECT_SOURCE_DIR}/proto/buf/validate/validate.proto
    COMMENT "Compiling hashed.proto" VERBATIM)
add_custom_target(test_set_hashed DEPENDS ${hashed})
headrace_test(unit_hash unit SOURCES unit/test_hash.c LIBS test_batches hrp_json headraced_core)
add_dependencies(unit_hash test_set_hashed)
add_test(NAME personal COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_personal.py)
set_tests_properties(personal PROPERTIES LABELS integration TIMEOUT 300
    ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;PYTHONPATH=${CMAKE_CURRENT_SOURCE_DIR}/support")
headrace_test(unit_door unit SOURCES unit/test_door.c LIBS test_commit_kit)
headrace_test(property_door property SOURCES property/test_door.c LIBS test_commit_kit test_batches)

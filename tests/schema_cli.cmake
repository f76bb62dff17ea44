# .proto text, and the verbs that read schemas.
headrace_test(unit_proto_text unit SOURCES unit/test_proto_text.c LIBS hrd_proto_text)
headrace_fuzz(proto_text SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_proto_text.c LIBS hrd_proto_text MAX_LEN 8192)
headrace_test(unit_schema_cli unit SOURCES unit/test_schema_cli.c LIBS headrace_cli)
headrace_python_test(schema_answers integration integration/test_schema_answers.py TIMEOUT 120)

# The first thing every reader of outside bytes gets. headrace_fuzz is in CMakeLists.txt beside this file.
headrace_fuzz(frame SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_frame.c LIBS hrp)
headrace_fuzz(http SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_http.c LIBS headraced_core MAX_LEN 32768)
headrace_fuzz(batch SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_batch.c LIBS test_batches MAX_LEN 8192)
add_executable(make_batch_corpus ${PROJECT_SOURCE_DIR}/tests/fuzz/make_batch_corpus.c)
target_link_libraries(make_batch_corpus PRIVATE test_batches)
headrace_fuzz(session SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_session.c LIBS test_session_kit MAX_LEN 8192)
headrace_fuzz(descriptor SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_descriptor.c LIBS hrp MAX_LEN 16384)
headrace_fuzz(json SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_json.c LIBS test_schemas hrp_json MAX_LEN 4096)

# The first thing every reader of outside bytes gets. headrace_fuzz is in CMakeLists.txt beside this file.
headrace_fuzz(frame SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_frame.c LIBS hrp)
headrace_fuzz(http SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_http.c LIBS headraced_core MAX_LEN 32768)

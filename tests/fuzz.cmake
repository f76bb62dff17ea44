# The first thing every reader of outside bytes gets. headrace_fuzz is in CMakeLists.txt beside this file.
headrace_fuzz(frame SOURCES ${PROJECT_SOURCE_DIR}/tests/fuzz/fuzz_frame.c LIBS hrp)

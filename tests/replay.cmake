# A second chance for rows that were set aside.
headrace_test(unit_replay unit SOURCES unit/test_replay.c LIBS test_commit_kit)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME movies COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/integration/test_movies.py)
set_tests_properties(movies PROPERTIES LABELS integration TIMEOUT 300
    ENVIRONMENT "HEADRACE_SOURCE=${PROJECT_SOURCE_DIR};HEADRACE_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1;PYTHONPATH=${CMAKE_CURRENT_SOURCE_DIR}/support")

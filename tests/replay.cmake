# A second chance for rows that were set aside.
headrace_test(unit_replay unit SOURCES unit/test_replay.c LIBS test_commit_kit)
headrace_python_test(movies integration integration/test_movies.py)

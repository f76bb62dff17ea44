# What a schema says beyond names and numbers: features of editions, places in the source, options, lint.
headrace_test(unit_editions unit SOURCES unit/test_editions.c LIBS test_batches)

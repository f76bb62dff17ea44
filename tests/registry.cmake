# The registry over HTTP.
headrace_python_test(registry integration integration/test_registry.py TIMEOUT 180)

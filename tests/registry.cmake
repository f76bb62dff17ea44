# The registry over HTTP, and a client of Confluent's shape against it (npm ci in tests/registry; without it the test is skipped).
headrace_python_test(registry integration integration/test_registry.py TIMEOUT 180)
headrace_python_test(registry_client integration integration/test_registry_client.py TIMEOUT 180)

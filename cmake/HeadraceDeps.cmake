# The libraries we stand on, by pkg-config; packaging/packages.sh names the Debian packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(PROTOBUFC REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl) # TLS; in libheadrace-tls and the collector alone
pkg_check_modules(XXHASH REQUIRED libxxhash) # its header only, inlined
find_program(PROTOC protoc REQUIRED)
find_program(PROTOC_C protoc-c REQUIRED)
if(HEADRACE_COLLECTOR OR HEADRACE_TESTS)
    pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
endif()
if(HEADRACE_COLLECTOR)
    pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
    pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl) # the headrace command's side of the HTTP API
    pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)            # patterns in rules; behind collector/re2.h
    pkg_check_modules(PROTOBUF REQUIRED IMPORTED_TARGET protobuf)  # .proto text; behind collector/proto_text.h
    pkg_check_modules(CRYPTO REQUIRED IMPORTED_TARGET libcrypto)   # HMAC-SHA256 of personal fields
    find_library(ROCKSDB_LIBRARY rocksdb REQUIRED)
    find_path(ROCKSDB_INCLUDE rocksdb/c.h REQUIRED)
    # Debian ships llhttp as C sources in node-llhttp; compiled into the collector.
    find_path(LLHTTP_INCLUDE llhttp.h PATH_SUFFIXES llhttp PATHS /usr/share/include REQUIRED)
    find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp REQUIRED)
endif()
if(HEADRACE_TESTS)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# What a user builds with: the code generator, what it writes, the installed package, the examples.
set(user_flags "")
if(HEADRACE_SANITIZE)
    set(user_flags "-fsanitize=${HEADRACE_SANITIZE}")
elseif(HEADRACE_COVERAGE)
    set(user_flags "--coverage")
endif()
function(headrace_user_test name label script) # headrace_user_test(name label script): a program of a user's, as installed
    headrace_python_test(${name} ${label} ${script} ENVIRONMENT "HEADRACE_FLAGS=${user_flags}")
endfunction()

if(NOT HEADRACE_FUZZ) # clang's sanitizers do not mix with gcc's
    headrace_user_test(install integration integration/test_install.py)
endif()
if(TARGET headraced)
    headrace_python_test(man integration integration/test_man.py)
    headrace_user_test(examples integration integration/test_examples.py)
endif()
if(NOT HEADRACE_FUZZ)
    headrace_user_test(gen integration integration/test_gen.py)
    headrace_user_test(cxx integration integration/test_cxx.py)
    headrace_user_test(python integration integration/test_python.py)
    headrace_user_test(property_gen property property/test_gen.py)
endif()

# The simulator: sdk and collector as they are, on a virtual clock, network and disk. HEADRACE_SIM_SEEDS says how many lives.
if(HEADRACE_COLLECTOR)
    headrace_test(sim sim SOURCES sim/test_sim.c sim/world.c sim/disk.c sim/net.c sim/app.c sim/server.c sim/oracle.c support/event_type.c
        LIBS headrace_sdk headraced_core TIMEOUT 600)
    headrace_command_test(sim_nightly nightly TIMEOUT 36000 COMMAND sim ENVIRONMENT HEADRACE_SIM_SEEDS=10000000 HEADRACE_SIM_SEED=100001)
    if(HEADRACE_SANITIZE OR HEADRACE_COVERAGE)
        target_compile_definitions(sim PRIVATE SIM_DEFAULT_SEEDS=1000)
    else()
        target_compile_definitions(sim PRIVATE SIM_DEFAULT_SEEDS=10000)
    endif()
endif()

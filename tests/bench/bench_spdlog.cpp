// What a call of spdlog's asynchronous logger costs the thread that makes it: the same flights, the same bursts, to a file.
//     bench_spdlog FLIGHTS FILE [bursts]
// The queue has room for a burst, so that no call waits; between bursts it empties, outside the time that counts.
#include "flights.h"
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <thread>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: bench_spdlog FLIGHTS FILE [bursts]\n");
        return 2;
    }
    size_t n;
    struct flight *f = flights_read(argv[1], 100000, &n);
    unsigned bursts = argc > 3 ? (unsigned)atoi(argv[3]) : 20;
    double sum = 0;
    unsigned long long calls = 0;

    spdlog::init_thread_pool(131072, 1);
    auto logger = spdlog::basic_logger_mt<spdlog::async_factory>("flights", argv[2], true);
    for (unsigned b = 0; b <= bursts; b++) {
        double start = seconds();
        for (size_t i = 0; i < n; i++)
            logger->info("time_us={} delay={} distance={} origin={} destination={}", f[i].time_us, f[i].delay, f[i].distance, f[i].origin,
                         f[i].destination);
        double took = seconds() - start;
        if (b != 0) {
            sum += took;
            calls += n;
        }
        while (spdlog::thread_pool()->queue_size() != 0)
            std::this_thread::yield();
    }
    spdlog::shutdown();
    printf("%.2f %llu\n", sum / (double)calls * 1e9, calls);
    free(f);
}

// spdlog's asynchronous logger, one thread, a text file; its default queue, and no message dropped when that is full.
#include "peer.h"
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <string>
#include <thread>

static std::shared_ptr<spdlog::logger> logger;

static const char *peer_version(void)
{
    static const std::string text = fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH);
    return text.c_str();
}

static void peer_open(const struct bench *b)
{
    spdlog::init_thread_pool(spdlog::details::default_async_q_size, 1);
    logger = spdlog::basic_logger_mt<spdlog::async_factory>("flights", std::string(b->folder) + "/spdlog.log", true);
}

static void peer_thread(const struct bench *) {}

static inline bool peer_log(const struct row *r)
{
    logger->info("time_us={} delay={} distance={} origin={} destination={}", r->time_us, r->delay, r->distance,
                 spdlog::string_view_t(r->origin, r->n_origin), spdlog::string_view_t(r->destination, r->n_destination));
    return true;
}

static void peer_settle(void)
{
    logger->flush();
    while (spdlog::thread_pool()->queue_size() != 0)
        std::this_thread::yield();
}

static uint64_t peer_lost(void) { return 0; }

static void peer_close(void)
{
    logger.reset();
    spdlog::shutdown();
}

/* All flights, once, in file order, to a syslog server over TCP: RFC 5424 lines with the event as JSON.
 *     bench_syslog FLIGHTS PORT
 * Ends when all is in the socket; whether the server has it is for the caller to count. */
#include "flights.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    perror("connect");
    exit(1);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n != 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        if (k <= 0) {
            perror("send");
            exit(1);
        }
        p += k;
        n -= (size_t)k;
    }
}

int main(int argc, char **argv)
{
    static char buf[1 << 18];
    struct flight *f;
    size_t n, at = 0;
    double start;
    int fd;

    if (argc < 3)
        return 2;
    f = flights_read(argv[1], 0, &n);
    fd = dial(atoi(argv[2]));
    start = seconds();
    for (size_t i = 0; i < n; i++) {
        at += (size_t)snprintf(buf + at, sizeof buf - at,
                               "<134>1 2026-01-01T00:00:00Z host flights - - - {\"time_us\":%lld,\"delay\":%d,\"distance\":%d,"
                               "\"origin\":\"%s\",\"destination\":\"%s\"}\n", (long long)f[i].time_us, f[i].delay, f[i].distance,
                               f[i].origin, f[i].destination);
        if (at > sizeof buf - 512 || i + 1 == n) {
            write_all(fd, buf, at);
            at = 0;
        }
    }
    shutdown(fd, SHUT_WR);
    printf("%.3f %zu\n", seconds() - start, n);
    close(fd);
    free(f);
    return 0;
}

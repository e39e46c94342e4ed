/* test: threads */
/* A service that refuses connections and comes back at the same port. */
#include "server/lib_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_time.h"
#include "http/http_wait.h"

#include "cmocka_all.h"

static atomic_bool refused;

static bool refusing(void *cookie)
{
    (void)cookie;
    return atomic_load(&refused);
}

static void handle(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    (void)cookie;
    fc_http_res_text(req, res, 200, "text/plain", "here");
}

/* errno of a connect, 0 when it worked */
static int try_connect(unsigned port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    int result = connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 ? 0 : errno;
    close(fd);
    return result;
}

static void wait_for(unsigned port, int wanted)
{
    int64_t until = fc_clock_mono() + PATIENCE;
    fc_auto(fc_http_wait_unref) struct fc_http_wait *pause = fc_http_wait_new();

    while (try_connect(port) != wanted) {
        assert_true(fc_clock_mono() < until);
        fc_http_wait_block(pause, fc_clock_mono() + 5 * FC_MS);
    }
}

static void goes_and_comes_back(void **state)
{
    struct fc_clock *clock = fc_clock_new();
    struct fc_server *server = fc_server_new(clock);
    struct fc_server_service service = {
        .name = "acme", .scheme = "http", .handler = handle, .refusing = refusing, .limits = fc_server_default_limits};
    unsigned port;

    (void)state;
    fc_server_look(server); /* nobody listens yet */
    assert_int_equal(fc_server_add(server, &service, "localhost:0", 0, &port, NULL), 0);
    assert_int_equal(fc_server_start(server, NULL), 0);
    assert_int_equal(try_connect(port), 0);
    for (int i = 0; i < 3; i++) {
        atomic_store(&refused, true);
        fc_server_look(server);
        wait_for(port, ECONNREFUSED);
        atomic_store(&refused, false);
        wait_for(port, 0); /* nobody tells: it looks by itself */
    }
    atomic_store(&refused, true);
    fc_server_look(server);
    wait_for(port, ECONNREFUSED);
    fc_server_free(server);
    fc_clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(goes_and_comes_back)};
    RUN(tests);
}

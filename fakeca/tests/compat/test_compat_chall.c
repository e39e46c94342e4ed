/* The challenge server's start and end; tests/e2e/pebble_challtestsrv.sh compares what it answers. */
/* test: threads */
#include "compat/chall.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmocka_all.h"

static char logged[4096];

static void note(void *cookie, const char *text)
{
    size_t used = strlen(logged);

    (void)cookie;
    snprintf(logged + used, sizeof logged - used, "%s\n", text);
}

static const struct fc_compat_chall_params all = {
    .http01 = "127.0.0.1:0",
    .https01 = "127.0.0.1:0",
    .tlsalpn01 = "127.0.0.1:0,127.0.0.1:0",
    .dns = "127.0.0.1:0",
    .doh = "127.0.0.1:0",
    .management = "127.0.0.1:0",
    .ipv4 = "127.0.0.1",
    .ipv6 = "::1",
    .log = note,
};

static int setup(void **state)
{
    (void)state;
    logged[0] = '\0';
    return 0;
}

static int start(const struct fc_compat_chall_params *params, struct fc_err *err)
{
    struct fc_compat_chall *chall = NULL;
    int result = fc_compat_chall_start(params, &chall, err);

    fc_compat_chall_stop(chall);
    return result;
}

static void it_starts_and_stops(void **state)
{
    struct fc_err err = {0};
    (void)state;

    if (start(&all, &err))
        fail_msg("%s", err.text);
    fc_compat_chall_stop(NULL);
}

static void each_service_can_be_off(void **state)
{
    struct fc_compat_chall_params params = {.management = "127.0.0.1:0", .ipv4 = "", .ipv6 = NULL, .log = note};
    struct fc_err err = {0};
    (void)state;

    if (start(&params, &err))
        fail_msg("%s", err.text);
    params.http01 = "";
    if (start(&params, &err))
        fail_msg("%s", err.text);
}

/* A port that the test itself holds. */
static int take_port(char ret_text[64])
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    snprintf(ret_text, 64, "127.0.0.1:%u", ntohs(addr.sin_port));
    return fd;
}

static const char **services(struct fc_compat_chall_params *params, size_t i)
{
    const char **const all_of_them[] = {&params->http01, &params->https01, &params->tlsalpn01,
                                        &params->dns,    &params->doh,     &params->management};

    return i < sizeof all_of_them / sizeof *all_of_them ? all_of_them[i] : NULL;
}

/* As the original goes on: suites start several with the same flags, and write '""' where they mean nothing. */
static void what_cannot_be_served_is_a_line_in_the_log(void **state)
{
    struct fc_compat_chall_params params = all;
    char taken[64];
    int fd = take_port(taken);
    const char *const bad[] = {taken, "nowhere", "127.0.0.1:x", "\"\"", "127.0.0.1", "127.0.0.1:99999", "1.2.3.4:1"};
    struct fc_err err = {0};
    (void)state;

    for (size_t i = 0; services(&params, i); i++) {
        for (size_t j = 0; j < sizeof bad / sizeof *bad; j++) {
            *services(&params, i) = bad[j];
            logged[0] = '\0';
            if (start(&params, &err))
                fail_msg("service %zu at %s: %s", i, bad[j], err.text);
            if (!strstr(logged, "not served: ") || !strstr(logged, bad[j]))
                fail_msg("service %zu at %s: %s", i, bad[j], logged);
        }
        params = all;
    }
    for (size_t i = 0; services(&params, i); i++)
        *services(&params, i) = taken;
    assert_int_equal(start(&params, &err), 0);
    close(fd);
}

static void an_address_that_is_none_is_no_default(void **state)
{
    struct fc_compat_chall_params params = all;
    struct fc_err err = {0};
    (void)state;

    params.ipv4 = "nine";
    params.ipv6 = "\"\"";
    if (start(&params, &err))
        fail_msg("%s", err.text);
    assert_non_null(strstr(logged, "'nine' is no IPv4 address"));
    assert_non_null(strstr(logged, "AAAA queries are not answered by default"));
}

static void a_certificate_that_is_none_is_an_error(void **state)
{
    struct fc_compat_chall_params params = all;
    struct fc_err err = {0};
    (void)state;

    params.doh_cert = "no PEM";
    params.doh_key = "no PEM";
    assert_int_equal(start(&params, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_starts_and_stops, setup),
        cmocka_unit_test_setup(each_service_can_be_off, setup),
        cmocka_unit_test_setup(what_cannot_be_served_is_a_line_in_the_log, setup),
        cmocka_unit_test_setup(an_address_that_is_none_is_no_default, setup),
        cmocka_unit_test_setup(a_certificate_that_is_none_is_an_error, setup),
    };
    RUN(tests);
}

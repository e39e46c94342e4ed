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
    .http01 = {"127.0.0.1:0", false},
    .https01 = {"127.0.0.1:0", false},
    .tlsalpn01 = {"127.0.0.1:0,127.0.0.1:0", false},
    .dns = {"127.0.0.1:0", false},
    .doh = {"127.0.0.1:0", false},
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
    params.http01.at = "";
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

static void a_port_that_is_taken_is_an_error_or_a_line_in_the_log(void **state)
{
    struct fc_compat_chall_params params = all;
    struct fc_compat_chall_place *places[] = {&params.http01, &params.https01, &params.tlsalpn01, &params.dns,
                                              &params.doh};
    char taken[64];
    int fd = take_port(taken);
    (void)state;

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct fc_compat_chall_place before = *places[i];
        struct fc_err err = {0};
        *places[i] = (struct fc_compat_chall_place){taken, false};
        assert_int_equal(start(&params, &err), -1);
        assert_int_equal(err.code, FC_E_BUSY);
        assert_non_null(strstr(err.text, taken));
        logged[0] = '\0';
        fc_err_clear(&err);
        places[i]->may_fail = true;
        if (start(&params, &err))
            fail_msg("%s", err.text);
        assert_non_null(strstr(logged, taken));
        *places[i] = before;
    }
    struct fc_err err = {0};
    params.management = taken;
    assert_int_equal(start(&params, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    close(fd);
}

static void wrong_addresses_are_refused(void **state)
{
    struct fc_compat_chall_params params = all;
    struct fc_err err = {0};
    (void)state;

    params.http01.at = "nowhere";
    assert_int_equal(start(&params, &err), -1);
    assert_int_equal(err.code, FC_E_USAGE);
    params = all;
    fc_err_clear(&err);
    params.tlsalpn01.at = "127.0.0.1:x";
    assert_int_equal(start(&params, &err), -1);
    params = all;
    fc_err_clear(&err);
    params.ipv4 = "nine";
    assert_int_equal(start(&params, &err), -1);
    assert_non_null(strstr(err.text, "'nine' is no IPv4 address"));
    params = all;
    fc_err_clear(&err);
    params.doh_cert = "no PEM";
    params.doh_key = "no PEM";
    assert_int_equal(start(&params, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_starts_and_stops, setup),
        cmocka_unit_test_setup(each_service_can_be_off, setup),
        cmocka_unit_test_setup(a_port_that_is_taken_is_an_error_or_a_line_in_the_log, setup),
        cmocka_unit_test_setup(wrong_addresses_are_refused, setup),
    };
    RUN(tests);
}

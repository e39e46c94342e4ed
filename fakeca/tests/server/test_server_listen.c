/* test: threads */
/* Addresses, ports, and what is said when they cannot be had. */
#include "server/lib_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_time.h"

#include "cmocka_all.h"

struct fixture {
    struct fc_clock *clock;
    struct fc_server *server, *other;
    struct lib_service *busy; /* has a port on both loopbacks */
    struct lib_response response;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    f->clock = fc_clock_new();
    f->server = fc_server_new(f->clock);
    f->other = fc_server_new(f->clock);
    f->busy = lib_service_new(NULL, false);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    lib_response_release(&f->response);
    fc_server_free(f->server);
    fc_server_free(f->other);
    lib_service_free(f->busy);
    fc_clock_free(f->clock);
    free(f);
    return 0;
}

static int add(struct fc_server *server, struct fixture *f, const char *listen, unsigned preferred, unsigned *port,
               struct fc_err *err)
{
    struct fc_server_service service = lib_service_plain(f->busy);

    return fc_server_add(server, &service, listen, preferred, port, err);
}

static bool has_v6(void)
{
    FILE *file = fopen("/proc/net/if_inet6", "re");
    char line[256];
    bool has = false;

    while (file && fgets(line, sizeof line, file))
        has = has || strncmp(line, "00000000000000000000000000000001", 32) == 0;
    if (file)
        fclose(file);
    return has;
}

static void localhost_is_both_loopbacks_on_one_port(void **state)
{
    struct fixture *f = *state;
    struct lib_client client = lib_connect_v6(f->busy->port);

    if (has_v6()) {
        if (lib_send(&client, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"))
            f->response = lib_response(&client, false);
        lib_close(&client);
        assert_int_equal(f->response.status, 200);
        assert_memory_equal(lib_header(&f->response, "X-Peer"), "[::1]:", 6);
        lib_response_release(&f->response);
    }
    lib_close(&client);
    f->response = lib_request(f->busy->port, "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->response.status, 200);
}

static void taken_port_is_named(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    char listen[64], text[256];
    unsigned port = 0;

    snprintf(listen, sizeof listen, "127.0.0.1:%u", f->busy->port);
    assert_int_equal(add(f->server, f, listen, 0, &port, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    snprintf(text, sizeof text, "cannot listen on 127.0.0.1:%u (test): address in use; give another with --test-listen",
             f->busy->port);
    assert_string_equal(err.text, text);
    assert_int_equal(port, 0);

    fc_err_clear(&err);
    snprintf(listen, sizeof listen, "localhost:%u", f->busy->port);
    assert_int_equal(add(f->server, f, listen, 0, &port, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
}

static void port_taken_on_the_second_loopback_is_named(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    char listen[64], place[64];
    unsigned port = 0, again = 0;

    if (!has_v6())
        skip();
    assert_int_equal(add(f->other, f, "[::1]:0", 0, &port, &err), 0);
    snprintf(listen, sizeof listen, "localhost:%u", port);
    snprintf(place, sizeof place, "cannot listen on [::1]:%u (test)", port);
    assert_int_equal(add(f->server, f, listen, 0, &again, &err), -1);
    assert_int_equal(err.code, FC_E_BUSY);
    assert_memory_equal(err.text, place, strlen(place));
    /* nothing stays bound on the first */
    fc_err_clear(&err);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    assert_int_equal(add(f->server, f, listen, 0, &again, &err), 0);
}

static void preferred_port_is_taken_when_free(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    unsigned first = 0, second = 0, third = 0;

    assert_int_equal(add(f->other, f, "localhost:0", 0, &first, &err), 0);
    fc_server_free(f->other);
    f->other = fc_server_new(f->clock);
    assert_int_equal(add(f->server, f, "localhost:0", first, &second, &err), 0);
    assert_int_equal(second, first);
    /* and when it is not, any other */
    assert_int_equal(add(f->other, f, "localhost:0", first, &third, &err), 0);
    assert_int_not_equal(third, first);
    assert_int_not_equal(third, 0);
}

static void impossible_addresses_are_refused(void **state)
{
    static const char *const texts[] = {
        "",        "14000", "localhost", "127.0.0.1:",     "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80",
        "[::1]80", "[::1",  "[]:80",     "example.com:80", "1.2.3:80",    "[127.0.0.1]:80",  "127.0.0.1 :80"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct fc_err err = {0};
        unsigned port = 0;
        if (add(f->server, f, texts[i], 0, &port, &err) != -1 || err.code != FC_E_USAGE || !strstr(err.text, texts[i]))
            fail_msg("'%s': %s", texts[i], err.text);
    }
}

static void address_of_another_machine_is_an_error_of_the_system(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    unsigned port = 0;

    /* TEST-NET-1, RFC 5737 */
    assert_int_equal(add(f->server, f, "192.0.2.1:0", 0, &port, &err), -1);
    assert_int_equal(err.code, FC_E_SYSTEM);
    assert_non_null(strstr(err.text, "cannot listen on 192.0.2.1:0 (test): "));
}

static void loopback_is_told_from_the_rest(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {
        {"localhost:1", true},
        {"LocalHost:1", true},
        {"127.0.0.1:1", true},
        {"127.9.9.9:1", true},
        {"[::1]:1", true},
        {"0.0.0.0:1", false},
        {"[::]:1", false},
        {":1", false},
        {"192.0.2.1:1", false},
        {"[::ffff:127.0.0.1]:1", true},
        {"[::ffff:192.0.2.1]:1", false},
    };
    static const char *const none[] = {"nonsense", "none", "localhost", "localhost:65536", "::1:1", "a.test:1", "[]:1"};
    struct fc_err err = {0};
    bool loopback;
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (fc_server_listen_check(cases[i].text, &loopback, &err) != 0 || loopback != cases[i].loopback)
            fail_msg("'%s'", cases[i].text);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        fc_err_clear(&err);
        assert_int_equal(fc_server_listen_check(none[i], &loopback, &err), -1);
        assert_int_equal(err.code, FC_E_USAGE);
    }
}

static void several_services_on_one_server(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    unsigned ports[3] = {0};

    for (size_t i = 0; i < 3; i++)
        assert_int_equal(add(f->server, f, "127.0.0.1:0", 0, &ports[i], &err), 0);
    assert_int_equal(fc_server_start(f->server, &err), 0);
    for (size_t i = 0; i < 3; i++) {
        lib_response_release(&f->response);
        f->response = lib_request(ports[i], "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(f->response.status, 200);
    }
}

static void bad_certificate_is_said_at_the_start(void **state)
{
    struct fixture *f = *state;
    struct fc_err err = {0};
    unsigned port = 0;
    struct fc_server_service service = lib_service_plain(f->busy);

    service.tls_cert_pem = "no PEM";
    service.tls_key_pem = "no PEM";
    assert_int_equal(fc_server_add(f->server, &service, "127.0.0.1:0", 0, &port, &err), 0);
    assert_int_equal(fc_server_start(f->server, &err), -1);
    assert_int_equal(err.code, FC_E_SYSTEM);
    assert_non_null(strstr(err.text, "cannot serve 'test': "));
}

static void free_takes_null_and_the_unstarted(void **state)
{
    struct fixture *f = *state;
    unsigned port = 0;

    fc_server_free(NULL);
    assert_int_equal(add(f->server, f, "127.0.0.1:0", 0, &port, NULL), 0);
    fc_server_stop(f->server, FC_SECOND);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(localhost_is_both_loopbacks_on_one_port),
        T(taken_port_is_named),
        T(port_taken_on_the_second_loopback_is_named),
        T(preferred_port_is_taken_when_free),
        T(impossible_addresses_are_refused),
        T(address_of_another_machine_is_an_error_of_the_system),
        T(loopback_is_told_from_the_rest),
        T(several_services_on_one_server),
        T(bad_certificate_is_said_at_the_start),
        T(free_takes_null_and_the_unstarted),
    };
    RUN(tests);
}

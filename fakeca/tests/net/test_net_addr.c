#include "net/net_addr.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "cmocka_all.h"

static void texts_and_back(void **state)
{
    static const struct {
        const char *text, *shown, *ip;
        unsigned port;
        size_t len;
    } good[] = {
        {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", 80, 4},
        {"[::1]:80", "[::1]:80", "::1", 80, 16},
        {":80", "127.0.0.1:80", "127.0.0.1", 80, 4},
        {"80", "127.0.0.1:80", "127.0.0.1", 80, 4},
        {"localhost:0", "127.0.0.1:0", "127.0.0.1", 0, 4},
        {"LOCALHOST:65535", "127.0.0.1:65535", "127.0.0.1", 65535, 4},
        /* RFC 5952 section 4 */
        {"[2001:0DB8:0:0:0:0:2:1]:443", "[2001:db8::2:1]:443", "2001:db8::2:1", 443, 16},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct fc_net_addr addr = {0};
        char buf[FC_NET_ADDR_TEXT];
        assert_int_equal(fc_net_addr_parse(good[i].text, &addr, NULL), 0);
        assert_string_equal(fc_net_addr_text(&addr, buf), good[i].shown);
        assert_string_equal(fc_net_addr_ip(&addr, buf), good[i].ip);
        assert_int_equal(addr.port, good[i].port);
        assert_int_equal(fc_net_addr_len(&addr), good[i].len);
    }
}

static void bad_texts_say_why(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "ADDR:PORT"},
        {"127.0.0.1", "ADDR:PORT"},
        {"127.0.0.1:", "ADDR:PORT"},
        {"127.0.0.1:65536", "ADDR:PORT"},
        {"127.0.0.1:-1", "ADDR:PORT"},
        {"127.0.0.1:+80", "ADDR:PORT"},
        {"127.0.0.1:80 ", "ADDR:PORT"},
        {"127.0.0.256:80", "not an IP address"},
        {"example.com:80", "not an IP address"},
        {"::1:80", "brackets"},
        {"[127.0.0.1]:80", "brackets"},
        {"[::1:80", "not an IP address"},
        {"[]:80", "not an IP address"},
        {"[fe80::1%eth0]:80", "not an IP address"},
        {"1111111111111111111111111111111111111111111111111111111111111111111111111111:80", "not an IP address"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fc_net_addr addr = {.port = 7};
        struct fc_err err = {0};
        if (fc_net_addr_parse(bad[i].text, &addr, &err) != -1)
            fail_msg("'%s' was taken", bad[i].text);
        assert_int_equal(err.code, FC_E_PARSE);
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("'%s' says '%s', not '%s'", bad[i].text, err.text, bad[i].says);
        assert_int_equal(addr.port, 7); /* untouched */
    }
}

static void ip_literals_only(void **state)
{
    static const char *const bad[] = {"",      "1.2.3",  "1.2.3.4.5", "01.2.3.4", "0x7f.1",
                                      "[::1]", "::1%lo", " ::1",      "1::2::3"};
    struct fc_net_addr addr = {0};
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (fc_net_addr_parse_ip(bad[i], &addr, NULL) != -1)
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(addr.family, AF_UNSPEC);
    assert_int_equal(fc_net_addr_parse_ip("::ffff:127.0.0.1", &addr, NULL), 0);
    assert_int_equal(addr.family, AF_INET6);
}

static void which_are_loopback(void **state)
{
    static const struct {
        const char *ip;
        bool loopback;
    } rows[] = {
        {"127.0.0.1", true}, {"127.255.255.255", true},   {"128.0.0.1", false}, {"10.0.0.1", false}, {"::1", true},
        {"::2", false},      {"::ffff:127.0.0.1", false}, {"::", false}};
    struct fc_net_addr addr = {0};
    (void)state;

    assert_false(fc_net_addr_loopback(&addr));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(fc_net_addr_parse_ip(rows[i].ip, &addr, NULL), 0);
        assert_int_equal(fc_net_addr_loopback(&addr), rows[i].loopback);
    }
}

static void sockaddrs_and_back(void **state)
{
    static const char *const texts[] = {"192.0.2.7:8080", "[2001:db8::7]:8080"};
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct fc_net_addr addr, back;
        struct sockaddr_storage storage;
        char buf[FC_NET_ADDR_TEXT];
        assert_int_equal(fc_net_addr_parse(texts[i], &addr, NULL), 0);
        size_t len = fc_net_addr_sockaddr(&addr, &storage);
        assert_int_equal(len, i == 0 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        fc_net_addr_from_sockaddr(&storage, &back);
        assert_string_equal(fc_net_addr_text(&back, buf), texts[i]);
    }
    struct sockaddr_storage unix_socket = {.ss_family = AF_UNIX};
    struct fc_net_addr none;
    fc_net_addr_from_sockaddr(&unix_socket, &none);
    assert_int_equal(none.family, AF_UNSPEC);
    char buf[FC_NET_ADDR_TEXT];
    assert_string_equal(fc_net_addr_ip(&none, buf), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_back),     cmocka_unit_test(bad_texts_say_why),  cmocka_unit_test(ip_literals_only),
        cmocka_unit_test(which_are_loopback), cmocka_unit_test(sockaddrs_and_back),
    };
    RUN(tests);
}

/* The description: what is read, and that every kind of mistake is told at once. Members and defaults: checks.md part 5. */
#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_file.h"
#include "base/base_time.h"
#include "setup/ck_setup.h"

struct fixture {
    char folder[64];
    char *file;
    struct ck_setup *setup;
    struct fc_err err;
};

static int setup(void **state)
{
    struct fixture *f = fc_calloc(1, sizeof *f);

    snprintf(f->folder, sizeof f->folder, "/tmp/ck-setup-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    f->file = fc_asprintf("%s/setup.json", f->folder);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    ck_setup_free(f->setup);
    unlink(f->file);
    rmdir(f->folder);
    free(f->file);
    free(f);
    return 0;
}

static int given(struct fixture *f, const char *text)
{
    assert_int_equal(fc_file_write(f->file, text, strlen(text), 0644, NULL), 0);
    return ck_setup_read(f->file, &f->setup, &f->err);
}

static void has(const struct fixture *f, const char *text)
{
    if (!strstr(f->err.text, text))
        fail_msg("'%s' is not in: %s", text, f->err.text);
}

static void test_smallest(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(given(f, "{\"hosts\":[\"www.a.test\"]}"), 0);
    assert_string_equal(f->setup->name, "www.a.test");
    assert_int_equal(f->setup->n_http, 1);
    assert_int_equal(f->setup->http[0].port, 5002);
    assert_int_equal(f->setup->https[0].port, 5003);
    assert_true(f->setup->schedule.period == 12 * FC_HOUR);
    assert_true(f->setup->timeouts.renew == 600 * FC_SECOND);
    assert_true(f->setup->timeouts.bootstrap == 60 * FC_SECOND);
    assert_int_equal(ck_setup_members(f->setup), 0);
}

static void test_all_members(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        given(
            f,
            "{\"hosts\":[\"a.test\",\"b.test\"],\"name\":\"n\",\"http\":[\"127.0.0.1:80\",\"[::1]:80\"],\"https\":"
            "\"127.0.0.1:443\","
            "\"run\":{\"issue\":\"i\",\"renew\":\"r\",\"start\":\"s\",\"stop\":\"t\",\"restart\":\"u\",\"redeploy\":"
            "\"v\","
            "\"reset\":\"w\",\"live\":\"x\"},\"schedule\":\"7d\",\"scheduler\":\"systemd:certbot.timer\",\"method\":"
            "\"webroot\","
            "\"webroot\":\"www\",\"state\":[\"state\"],\"cert\":\"c\",\"key\":\"k\",\"live\":\"l\","
            "\"endpoints\":[{\"at\":\"127.0.0.1:993\",\"starttls\":\"imap\",\"host\":\"mail.a.test\"}],\"replicas\":2,"
            "\"clock\":{\"how\":\"run\"},\"alert\":\"file:x\",\"expect\":{\"key\":\"rotate\",\"downtime_s\":3,\"ari\":"
            "true},"
            "\"policy\":{\"cert-times\":{\"as\":\"warn\",\"why\":\"because\",\"until\":\"2027-03-01\"}},"
            "\"timeouts\":{\"bootstrap\":1,\"renew\":2,\"reload\":3,\"restart\":4},"
            "\"container\":{\"engine\":\"docker\",\"service\":\"web\"}}"),
        0);
    assert_int_equal(f->setup->n_hosts, 2);
    assert_int_equal(f->setup->http[1].family, AF_INET6);
    assert_string_equal(f->setup->endpoints[0].host, "mail.a.test");
    assert_int_equal(f->setup->endpoints[0].starttls, CK_STARTTLS_IMAP);
    assert_true(f->setup->schedule.period == 7 * FC_DAY);
    assert_int_equal(f->setup->policy[0].as, 1);
    assert_true(f->setup->timeouts.reload == 3 * FC_SECOND);
    unsigned expected = CK_HAS_START | CK_HAS_RENEW | CK_HAS_ISSUE | CK_HAS_WEBROOT | CK_HAS_STATE | CK_HAS_CERT |
                        CK_HAS_LIVE | CK_HAS_ENDPOINTS | CK_HAS_REDEPLOY | CK_HAS_RESTART | CK_HAS_RESET |
                        CK_HAS_CLIENT | CK_HAS_IPV6;
    assert_int_equal(ck_setup_members(f->setup), expected);
}

/* Path, value and rule of each, in one message. */
static void test_every_mistake_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        given(f, "{\"hosts\":[\"UPPER.test\"],\n\"http\":\"nowhere\",\n\"run\":{\"renw\":\"x\",\"start\":\"s\"},"
                 "\n\"schedule\":\"12\",\n"
                 "\"scheduler\":\"at\",\n\"method\":\"magic\",\n\"state\":[\".\"],\n\"timeouts\":{\"renew\":0},\n"
                 "\"clock\":{\"how\":\"hope\"},\n\"endpoints\":[{\"starttls\":\"ftp\"}],\n"
                 "\"policy\":{\"x\":{\"as\":\"ignored\",\"why\":\"y\",\"until\":\"soon\"}},\n\"webrot\":\"www\"}"),
        -1);
    assert_int_equal(f->err.code, FC_E_USAGE);
    has(f, "UPPER.test");
    has(f, "'nowhere' is no ADDR:PORT");
    has(f, "run.renw");
    has(f, "did you mean 'renew'");
    has(f, "run.stop");
    has(f, "neither a period such as '12h' nor a cron expression");
    has(f, "'at' must begin with 'cron:'");
    has(f, "method");
    has(f, "the description's own folder");
    has(f, "timeouts.renew");
    has(f, "clock.how");
    has(f, "endpoints[0]: 'at' is missing");
    has(f, "endpoints[0].starttls");
    has(f, "policy.x.as");
    has(f, "policy.x.until");
    has(f, "did you mean 'webroot'");
    has(f, "line 2");
}

static void test_hosts(void **state)
{
    struct fixture *f = *state;
    static const char *const good[] = {"a.test", "localhost", "xn--bcher-kva.test", "10.0.0.1", "a-b.c-d.test"};
    static const char *const bad[] = {
        "",        "com",      "a.test.",   ".a.test",
        "a..test", "*.a.test", "A.test",    "-a.test",
        "a-.test", "a_b.test", "a.test:80", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        fc_auto_free char *text = fc_asprintf("{\"hosts\":[\"%s\"]}", good[i]);
        assert_int_equal(given(f, text), 0);
        ck_setup_free(f->setup);
        f->setup = NULL;
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fc_auto_free char *text = fc_asprintf("{\"hosts\":[\"%s\"]}", bad[i]);
        f->err = (struct fc_err){0};
        assert_int_equal(given(f, text), -1);
        assert_non_null(strstr(f->err.text, "is no lower-case host name"));
    }
}

static void test_bad_files(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"",
                                        "[]",
                                        "{",
                                        "{\"hosts\":[]}",
                                        "{\"hosts\":[1]}",
                                        "{\"hosts\":[\"a\"],\"hosts\":[\"b\"]}",
                                        "{\"run\":{\"renew\":\"x\"}}",
                                        "{\"hosts\":[\"a\"],\"run\":{\"renew\":\"  \"}}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        f->err = (struct fc_err){0};
        assert_int_equal(given(f, texts[i]), -1);
        assert_int_equal(f->err.code, FC_E_USAGE);
        assert_true(*f->err.text);
    }
    f->err = (struct fc_err){0};
    assert_int_equal(ck_setup_read("/nonexistent/setup.json", &f->setup, &f->err), -1);
    assert_int_equal(f->err.code, FC_E_USAGE);
}

/* A state outside the folder is never emptied, wherever a link leads. */
static void test_inside(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(given(f, "{\"hosts\":[\"a.test\"],\"state\":[\"../elsewhere\"]}"), 0);
    assert_int_equal(ck_setup_members(f->setup) & CK_HAS_RESET, 0);
    fc_auto_free char *link = fc_asprintf("%s/link", f->folder), *inner = fc_asprintf("%s/inner", f->folder);
    assert_int_equal(symlink("/etc", link), 0);
    bool outside = ck_setup_inside(f->setup, link), below = ck_setup_inside(f->setup, inner);
    unlink(link);
    assert_false(outside);
    assert_true(below);
    assert_false(ck_setup_inside(f->setup, f->setup->dir));
    assert_false(ck_setup_inside(f->setup, "/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_smallest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_members, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_mistake_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hosts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inside, setup, teardown),
    };
    RUN(tests);
}

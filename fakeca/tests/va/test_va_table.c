/* test: threads */
/* letsencrypt.md B.1 to B.10 row by row, with `rehearsal` on and off. */
#include "va/lib_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_buf.h"
#include "base/base_json.h"
#include "base/base_time.h"

#include "cmocka_all.h"

enum { SERVERS = 2, MAP_MAX = 512 };

struct table_bed {
    struct bed *bed;
    struct peer *peers[SERVERS];
    struct alpn *alpns[SERVERS];
    struct peer *nobody; /* refuses */
};

static size_t n_rows, n_runs, n_wrong;

static void stop_servers(struct table_bed *table)
{
    for (size_t i = 0; i < SERVERS; i++) {
        peer_stop(FC_TAKE(table->peers[i]));
        alpn_stop(FC_TAKE(table->alpns[i]));
    }
}

static int setup(void **state)
{
    struct table_bed *table = fc_calloc(1, sizeof *table);

    *state = table;
    table->nobody = peer_start_simple(PEER_REFUSE, NULL);
    return bed_setup((void **)&table->bed);
}

static int teardown(void **state)
{
    struct table_bed *table = *state;

    bed_teardown((void **)&table->bed);
    stop_servers(table);
    peer_stop(table->nobody);
    free(table);
    return 0;
}

/* ---- the world of a row ---- */

static unsigned start_server(struct table_bed *table, size_t index, const struct row_server *server)
{
    const char *ip = strchr(server->at, '/') != NULL ? "::1" : "127.0.0.1";
    const struct peer_answer all = {"", server->bytes, 0};
    const struct peer_params params = {.ip = ip,
                                       .mode = server->mode,
                                       .answers = server->routes != NULL ? server->routes : &all,
                                       .n_answers = server->routes != NULL  ? server->n_routes
                                                    : server->bytes != NULL ? 1
                                                                            : 0,
                                       .pem = server->pem};

    if (server->alpn != NULL) {
        table->alpns[index] = alpn_start(ip, server->alpn_mode, server->alpn);
        return alpn_port(table->alpns[index]);
    }
    table->peers[index] = peer_start(&params);
    return peer_port(table->peers[index]);
}

/* The row's servers stand where the public addresses lead; what no server of the row serves is refused. */
static void start_world(struct table_bed *table, const struct va_row *row)
{
    struct fc_buf map fc_auto_buf = {0};

    fc_buf_init(&map, MAP_MAX);
    fc_buf_printf(&map, "80=127.0.0.1:%u,443=127.0.0.1:%u", peer_port(table->nobody), peer_port(table->nobody));
    for (size_t i = 0; i < SERVERS && row->servers[i].at != NULL; i++) {
        const char *at = row->servers[i].at;
        bool six = strchr(at, '/') != NULL;
        unsigned port = start_server(table, i, &row->servers[i]);
        int len = (int)strcspn(at, "/");
        fc_buf_printf(&map, ",%s:%.*s=%s:%u", six ? "[" V6 "]" : V4, len, at, six ? "[::1]" : "127.0.0.1", port);
    }
    assert_int_equal(fc_net_portmap_set(table->bed->portmap, map.data, NULL), 0);
}

static void set_policy(struct bed *bed, const struct va_row *row, bool rehearsal)
{
    bed->policy = *bed->loaded;
    bed->policy.rehearsal = rehearsal;
    bed->policy.validation.perspectives = row->perspectives > 0 ? row->perspectives : 1;
    if (row->hurry) {
        bed->policy.validation.connect_timeout = 300 * FC_MS;
        bed->policy.validation.total_timeout = 300 * FC_MS;
        bed->policy.validation.remote_timeout = 300 * FC_MS;
        bed->policy.validation.dns_timeout = 50 * FC_MS;
    }
    for (size_t i = 0; i < FC_VA_PERSPECTIVES_MAX; i++) {
        fc_va_blind(bed->va, i, (row->blind >> i & 1) != 0);
        fc_va_lose(bed->va, i, (row->lost >> i & 1) != 0);
    }
}

/* ---- the verdict ---- */

static const char *verdict_of(const json_t *verdict)
{
    return json_is_true(json_object_get(verdict, "valid")) ? "" : verdict_text(verdict, "type");
}

static long usual_status(const char *type)
{
    if (strcmp(type, "serverInternal") == 0)
        return 500;
    return strcmp(type, "unauthorized") == 0 || strcmp(type, "caa") == 0 ? 403 : 400;
}

/* All rows are run; each that is wrong says so. */
static void wrong(const struct va_row *row, bool rehearsal, const char *what, const char *expected, const char *got)
{
    print_error("%s (rehearsal %s): %s\n  expected: %s\n  got:      %.2000s\n", row->what, rehearsal ? "on" : "off",
                what, expected, got);
    n_wrong++;
}

static void compare(const struct va_row *row, bool rehearsal, const json_t *verdict)
{
    bool off = !rehearsal && row->off_type != NULL;
    const char *type = off ? row->off_type : row->type != NULL ? row->type : "";
    const char *detail = type[0] == '\0' ? "" : off ? row->off_detail : row->detail;
    fc_auto_free char *record = fc_json_text(json_object_get(verdict, "record"));

    if (strcmp(verdict_of(verdict), type) != 0)
        wrong(row, rehearsal, "type", type, verdict_of(verdict));
    if (strcmp(verdict_text(verdict, "detail"), detail) != 0)
        wrong(row, rehearsal, "detail", detail, verdict_text(verdict, "detail"));
    if (type[0] != '\0' && json_integer_value(json_object_get(verdict, "status")) != usual_status(type))
        wrong(row, rehearsal, "status", "the type's", "another");
    if (row->record != NULL && !off && strcmp(record, row->record) != 0)
        wrong(row, rehearsal, "validationRecord", row->record, record);
}

static void compare_servers(struct table_bed *table, const struct va_row *row, bool rehearsal)
{
    char expected[16], got[16];

    snprintf(expected, sizeof expected, "%d", row->requests);
    snprintf(got, sizeof got, "%zu", table->peers[0] != NULL ? peer_count(table->peers[0]) : 0);
    if (row->requests > 0 && strcmp(expected, got) != 0)
        wrong(row, rehearsal, "requests", expected, got);
    if (row->sni != NULL && strcmp(alpn_sni(table->alpns[0]), row->sni) != 0)
        wrong(row, rehearsal, "server name", row->sni, alpn_sni(table->alpns[0]));
}

static void run_row(struct table_bed *table, const struct va_row *row, bool rehearsal)
{
    static const enum fc_va_scope scopes[] = {FC_VA_DCV, FC_VA_CAA, FC_VA_ALL};
    struct bed *bed = table->bed;
    const struct fc_va_job job = {
        .method = row->method != NULL ? row->method : "http-01",
        .ident = {.type = row->ip ? FC_IDENT_IP : FC_IDENT_DNS, .value = row->name != NULL ? row->name : NAME},
        .wildcard = row->wildcard,
        .token = TOKEN,
        .key_authorization = KEY_AUTH,
        .scope = scopes[row->scope],
        .now = ROW_NOW,
        .account_url = ACCOUNT};

    set_policy(bed, row, rehearsal);
    start_world(table, row);
    const json_t *verdict = bed_validate_job(bed, &job);
    compare(row, rehearsal, verdict);
    compare_servers(table, row, rehearsal);
    stop_servers(table);
    n_runs++;
}

static void run_rows(void **state, const struct va_row *rows, size_t count)
{
    struct table_bed *table = *state;

    table->bed->zone = row_zone;
    table->bed->n_zone = row_zone_count;
    n_wrong = 0;
    for (size_t i = 0; i < count; i++) {
        run_row(table, &rows[i], true);
        run_row(table, &rows[i], false);
    }
    n_rows += count;
    assert_int_equal(n_wrong, 0);
}

#define GROUP(name)                                                                                                    \
    static void name(void **state)                                                                                     \
    {                                                                                                                  \
        run_rows(state, rows_##name, rows_##name##_count);                                                             \
    }
GROUP(http)
GROUP(redirect)
GROUP(dns)
GROUP(alpn)
GROUP(caa)
GROUP(mpic)

/* Of 5 perspectives each has an address of its own where the server is on the IPv4 loopback (letsencrypt.md B.8; design.md). */
static void each_perspective_has_its_source(void **state)
{
    static const struct va_row row = {
        .what = "sources", .servers = {{.at = "80", .bytes = GOOD_ANSWER}}, .perspectives = 5, .requests = 5};
    static const char *const sources[] = {"127.0.0.1:", "127.0.0.2:", "127.0.0.3:", "127.0.0.4:", "127.0.0.5:"};
    struct table_bed *table = *state;

    table->bed->zone = row_zone;
    table->bed->n_zone = row_zone_count;
    run_row(table, &row, true);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(strncmp(hop_text(table->bed->verdict, i, "source"), sources[i], 10), 0);
    assert_string_equal(hop_text(table->bed->verdict, 0, "perspective"), "primary");
    assert_string_equal(hop_text(table->bed->verdict, 4, "perspective"), "remote 4");
}

static void print_numbers(void **state)
{
    (void)state;
    print_message("va table: %zu rows, %zu runs\n", n_rows, n_runs);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(http),
        TEST(redirect),
        TEST(dns),
        TEST(alpn),
        TEST(caa),
        TEST(mpic),
        TEST(each_perspective_has_its_source),
        cmocka_unit_test(print_numbers),
    };
    RUN(tests);
}

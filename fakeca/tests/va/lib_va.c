#include "va/lib_va.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_json.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "cmocka_all.h"
#include "va/lib_texts.h"

enum { PATIENCE_S = 30, VALUES = 4, RDATA_MAX = 512 };

/* ---- the resolver ---- */

struct later {
    const struct zone_row *row;
    fc_dns_answer_fn done;
    void *cookie;
};

struct bed_held {
    struct bed_held *next;
    const struct zone_row *row;
    fc_dns_answer_fn done;
    void *cookie;
};

static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;

/* "0 issue letsencrypt.org; x=y" as RDATA (RFC 8659 section 4.1). */
static size_t caa_rdata(const char *text, unsigned char rdata[RDATA_MAX])
{
    const char *tag = strchr(text, ' ') + 1, *value = strchr(tag, ' ') + 1;
    size_t tag_len = (size_t)(value - tag) - 1, len = 0;
    int64_t flags = 0;

    if (text[0] == '\\') {
        assert_int_equal(fc_text_unhex(tag, rdata, RDATA_MAX, &len), 0);
        return len;
    }
    fc_auto_free char *number = fc_strndup(text, (size_t)(tag - text) - 1);
    assert_int_equal(fc_text_int(number, 0, 255, &flags, NULL), 0);
    rdata[0] = (unsigned char)flags;
    rdata[1] = (unsigned char)tag_len;
    memcpy(rdata + 2, tag, tag_len);
    memcpy(rdata + 2 + tag_len, value, strlen(value));
    return 2 + tag_len + strlen(value);
}

static size_t fill_records(const struct zone_row *row, struct fc_dns_record *records, unsigned char (*bytes)[RDATA_MAX])
{
    size_t count = 0;

    for (; count < VALUES && row->values[count] != NULL; count++) {
        records[count].type = row->type;
        records[count].data = bytes[count];
        if (row->type == FC_DNS_A && inet_pton(AF_INET, row->values[count], bytes[count]) == 1) {
            records[count].len = 4;
        } else if (row->type == FC_DNS_AAAA && inet_pton(AF_INET6, row->values[count], bytes[count]) == 1) {
            records[count].len = 16;
        } else if (row->type == FC_DNS_CAA) {
            records[count].len = caa_rdata(row->values[count], bytes[count]);
        } else {
            records[count].data = (const unsigned char *)row->values[count];
            records[count].len = strlen(row->values[count]);
        }
    }
    return count;
}

static void answer_row(const struct zone_row *row, fc_dns_answer_fn done, void *cookie)
{
    struct fc_dns_record records[VALUES];
    unsigned char bytes[VALUES][RDATA_MAX];
    struct fc_dns_answer answer = {.outcome = row->rcode != 0 ? FC_DNS_RCODE : row->outcome,
                                   .rcode = row->rcode,
                                   .truncated = row->way == ZONE_CUT,
                                   .reason = row->rcode != 0 ? row->values[0] : NULL,
                                   .records = records,
                                   .rule = "a row of the test"};

    answer.n_records = row->rcode == 0 ? fill_records(row, records, bytes) : 0;
    done(cookie, &answer);
}

static void *answer_later(void *cookie)
{
    struct later *later = cookie;

    answer_row(later->row, later->done, later->cookie);
    free(later);
    return NULL;
}

static void hold(struct bed *bed, const struct zone_row *row, fc_dns_answer_fn done, void *cookie)
{
    struct bed_held *held = fc_malloc(sizeof *held);

    pthread_mutex_lock(&held_lock);
    *held = (struct bed_held){.next = bed->held, .row = row, .done = done, .cookie = cookie};
    bed->held = held;
    pthread_mutex_unlock(&held_lock);
}

void bed_release_answers(struct bed *bed)
{
    pthread_mutex_lock(&held_lock);
    struct bed_held *held = FC_TAKE(bed->held);
    pthread_mutex_unlock(&held_lock);
    while (held != NULL) {
        struct bed_held *next = held->next;
        answer_row(held->row, held->done, held->cookie);
        free(held);
        held = next;
    }
}

static const struct zone_row *find_row(const struct bed *bed, const char *name, enum fc_dns_type type)
{
    static const struct zone_row nothing = {.rcode = 3}, no_data = {0};
    const struct zone_row *found = &nothing;

    for (size_t i = 0; i < bed->n_zone; i++) {
        if (strcmp(bed->zone[i].name, name) != 0)
            continue;
        if (bed->zone[i].type == type)
            return &bed->zone[i];
        found = &no_data;
    }
    return found;
}

static void ask(void *self, const char *name, enum fc_dns_type type, fc_dns_answer_fn done, void *cookie)
{
    struct bed *bed = self;
    const struct zone_row *row = find_row(bed, name, type);

    if (row->way == ZONE_NOW || row->way == ZONE_CUT) {
        answer_row(row, done, cookie);
    } else if (row->way == ZONE_LATER) {
        struct later *later = fc_malloc(sizeof *later);
        *later = (struct later){.row = row, .done = done, .cookie = cookie};
        if (bed->n_later == BED_LATER_MAX ||
            pthread_create(&bed->later[bed->n_later++], NULL, answer_later, later) != 0)
            abort();
    } else {
        hold(bed, row, done, cookie);
    }
}

/* ---- life ---- */

void bed_replace(struct bed *bed, size_t queue_max)
{
    const struct fc_va_params params = {.resolver = &bed->resolver, .portmap = bed->portmap, .queue_max = queue_max};

    fc_va_free(FC_TAKE(bed->va));
    assert_int_equal(fc_va_new(&params, &bed->va, NULL), 0);
}

void bed_map(struct bed *bed, unsigned http, unsigned https)
{
    char map[128] = "";

    if (http != 0)
        snprintf(map, sizeof map, "80=127.0.0.1:%u", http);
    if (https != 0)
        snprintf(map + strlen(map), sizeof map - strlen(map), "%s443=127.0.0.1:%u", http != 0 ? "," : "", https);
    assert_int_equal(fc_net_portmap_set(bed->portmap, map, NULL), 0);
}

int bed_setup(void **state)
{
    struct bed *bed = fc_calloc(1, sizeof *bed);

    *state = bed;
    if (fc_policy_builtin("production", &bed->loaded, NULL) != 0)
        return -1;
    bed->policy = *bed->loaded;
    bed->policy.validation.perspectives = 1;
    bed->scope = FC_VA_DCV;
    bed->portmap = fc_net_portmap_new();
    bed->resolver = (struct fc_resolver){.ask = ask, .self = bed};
    bed_replace(bed, 0);
    return fc_va_start(bed->va, NULL);
}

int bed_teardown(void **state)
{
    struct bed *bed = *state;

    fc_va_free(bed->va);
    bed_release_answers(bed);
    for (size_t i = 0; i < bed->n_later; i++)
        pthread_join(bed->later[i], NULL);
    fc_net_portmap_free(bed->portmap);
    json_decref(bed->verdict);
    fc_policy_free(bed->loaded);
    free(bed);
    return 0;
}

/* ---- waiting ---- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    json_t *verdict;
};

static void set(json_t *object, const char *key, const char *value)
{
    if (value != NULL)
        json_object_set_new(object, key, json_string(value));
}

static json_t *hop_json(const struct fc_va_hop *hop)
{
    json_t *json = json_object();

    set(json, "perspective", hop->perspective);
    set(json, "step", hop->step);
    set(json, "family", hop->family);
    set(json, "source", hop->source);
    set(json, "redirect", hop->redirect);
    set(json, "redirect_rule", hop->redirect_rule);
    set(json, "hsts", hop->hsts);
    set(json, "server", hop->server);
    set(json, "cert_subject", hop->cert_subject);
    set(json, "cert_issuer", hop->cert_issuer);
    set(json, "cert_fault", hop->cert_fault);
    set(json, "expected", hop->expected);
    set(json, "received", hop->received);
    json_object_set_new(json, "compared", json_integer((json_int_t)hop->compared));
    json_object_set_new(json, "first_difference", json_integer(hop->first_difference));
    json_object_set_new(json, "cert_not_after", json_integer(hop->cert_not_after));
    set(json, "url", hop->url);
    set(json, "host", hop->host);
    json_object_set_new(json, "port", json_integer(hop->port));
    set(json, "used", hop->used);
    set(json, "connected", hop->connected);
    set(json, "rule", hop->dns_rule);
    json_object_set_new(json, "status", json_integer(hop->status));
    set(json, "location", hop->location);
    set(json, "tls", hop->tls);
    set(json, "error", hop->error);
    set(json, "rehearsal", hop->rehearsal ? hop->rehearsal_what : NULL);
    return json;
}

static json_t *verdict_json(const struct fc_va_result *result)
{
    json_t *json = json_object(), *hops = json_array();

    json_object_set_new(json, "valid", json_boolean(result->valid));
    set(json, "failed_perspective", result->failed_perspective);
    if (!result->valid) {
        set(json, "type", fc_problem_type_name(result->problem.type));
        json_object_set_new(json, "status", json_integer(fc_problem_status(&result->problem)));
        json_t *problem = fc_problem_json(&result->problem);
        json_object_set(json, "detail", json_object_get(problem, "detail"));
        json_decref(problem);
        texts_seen(fc_problem_type_name(result->problem.type), fc_problem_status(&result->problem),
                   verdict_text(json, "detail"));
    }
    json_object_set_new(json, "record", json_deep_copy(result->record));
    for (size_t i = 0; i < result->n_hops; i++)
        json_array_append_new(hops, hop_json(&result->hops[i]));
    json_object_set_new(json, "hops", hops);
    return json;
}

static void on_verdict(void *cookie, const struct fc_va_result *result)
{
    struct waiter *waiter = cookie;

    pthread_mutex_lock(&waiter->lock);
    waiter->verdict = verdict_json(result);
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

static void cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

json_t *bed_validate_job(struct bed *bed, const struct fc_va_job *asked)
{
    struct waiter waiter = {0};
    struct fc_va_job job = *asked;
    struct timespec until;
    int failed = 0;

    job.policy = &bed->policy;
    json_decref(FC_TAKE(bed->verdict));
    pthread_mutex_init(&waiter.lock, NULL);
    cond_init(&waiter.changed);
    fc_clock_mono_timespec(fc_clock_mono() + PATIENCE_S * FC_SECOND, &until);
    assert_int_equal(fc_va_validate(bed->va, &job, on_verdict, &waiter, NULL), 0);
    pthread_mutex_lock(&waiter.lock);
    while (waiter.verdict == NULL && failed == 0)
        failed = pthread_cond_timedwait(&waiter.changed, &waiter.lock, &until);
    bed->verdict = waiter.verdict;
    pthread_mutex_unlock(&waiter.lock);
    if (bed->verdict == NULL) {
        /* no callback may come any more, for it would write to this frame */
        fc_va_free(FC_TAKE(bed->va));
        fail_msg("no verdict in %d s", PATIENCE_S);
    }
    pthread_cond_destroy(&waiter.changed);
    pthread_mutex_destroy(&waiter.lock);
    return bed->verdict;
}

json_t *bed_validate_ident(struct bed *bed, const char *method, enum fc_ident_type type, const char *name)
{
    const struct fc_va_job job = {.method = method,
                                  .ident = {.type = type, .value = name},
                                  .token = TOKEN,
                                  .scope = bed->scope,
                                  .key_authorization = KEY_AUTH};

    return bed_validate_job(bed, &job);
}

json_t *bed_validate(struct bed *bed, const char *method, const char *name)
{
    return bed_validate_ident(bed, method, FC_IDENT_DNS, name);
}

/* ---- looking at verdicts ---- */

const char *verdict_text(const json_t *verdict, const char *member)
{
    const char *text = json_string_value(json_object_get(verdict, member));

    return text != NULL ? text : "";
}

static void show_and_fail(const struct bed *bed, const char *what)
{
    fc_auto_free char *text = fc_json_text(bed->verdict);

    fail_msg("expected %s, got %.3000s", what, text);
}

void bed_expect(const struct bed *bed, const char *type, int status, const char *detail)
{
    if (json_is_true(json_object_get(bed->verdict, "valid")) || strcmp(verdict_text(bed->verdict, "type"), type) != 0 ||
        json_integer_value(json_object_get(bed->verdict, "status")) != status ||
        strcmp(verdict_text(bed->verdict, "detail"), detail) != 0)
        show_and_fail(bed, detail);
}

void bed_expect_valid(const struct bed *bed)
{
    if (!json_is_true(json_object_get(bed->verdict, "valid")))
        show_and_fail(bed, "valid");
}

const char *hop_text(const json_t *verdict, size_t hop, const char *member)
{
    return verdict_text(json_array_get(json_object_get(verdict, "hops"), hop), member);
}

/* ---- crowds ---- */

struct crowd {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t count, valid;
};

struct crowd *crowd_new(void)
{
    struct crowd *crowd = fc_calloc(1, sizeof *crowd);

    pthread_mutex_init(&crowd->lock, NULL);
    cond_init(&crowd->changed);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    if (crowd == NULL)
        return;
    pthread_cond_destroy(&crowd->changed);
    pthread_mutex_destroy(&crowd->lock);
    free(crowd);
}

static void on_crowd(void *cookie, const struct fc_va_result *result)
{
    struct crowd *crowd = cookie;

    pthread_mutex_lock(&crowd->lock);
    crowd->count++;
    crowd->valid += result->valid ? 1 : 0;
    pthread_cond_signal(&crowd->changed);
    pthread_mutex_unlock(&crowd->lock);
}

int crowd_validate(struct crowd *crowd, struct bed *bed, const char *method, const char *name, struct fc_err *err)
{
    struct fc_va_job job = {.policy = &bed->policy,
                            .method = method,
                            .ident = {.type = FC_IDENT_DNS, .value = name},
                            .token = TOKEN,
                            .scope = bed->scope,
                            .key_authorization = KEY_AUTH};

    return fc_va_validate(bed->va, &job, on_crowd, crowd, err);
}

int crowd_wait(struct crowd *crowd, size_t count, int seconds)
{
    struct timespec until;
    int failed = 0;

    fc_clock_mono_timespec(fc_clock_mono() + seconds * FC_SECOND, &until);
    pthread_mutex_lock(&crowd->lock);
    while (crowd->count < count && failed == 0)
        failed = pthread_cond_timedwait(&crowd->changed, &crowd->lock, &until);
    int enough = crowd->count >= count;
    pthread_mutex_unlock(&crowd->lock);
    return enough;
}

size_t crowd_valid(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    size_t valid = crowd->valid;
    pthread_mutex_unlock(&crowd->lock);
    return valid;
}

size_t crowd_count(struct crowd *crowd)
{
    pthread_mutex_lock(&crowd->lock);
    size_t count = crowd->count;
    pthread_mutex_unlock(&crowd->lock);
    return count;
}

/* From an order that finalize took to its certificate: in the request, or as a job when the issuer is not ready yet or the pace
 * and the policy want it so. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_log.h"
#include "base/base_time.h"

#include "ca/ca.h"
#include "pki/pki_csr.h"
#include "store/store_cert.h"
#include "store/store_order.h"

#define FINALIZE "Error finalizing order"

int fc_acme_issue_make(struct fc_acme *acme, const struct fc_order *order, const struct fc_csr *csr, int64_t now,
                       struct fc_arena *arena, struct fc_certificate *ret_certificate, struct fc_err *err)
{
    const struct fc_ca_order wanted = {.csr = csr,
                                       .idents = order->idents,
                                       .n_idents = order->n_idents,
                                       .profile = order->profile,
                                       .now = now,
                                       .not_before = order->not_before,
                                       .not_after = order->not_after,
                                       .account_id = order->account_id,
                                       .order_id = order->id};

    return fc_ca_issue(acme->p.ca, &wanted, arena, ret_certificate, err);
}

static const char *issuer_name(const struct fc_acme *acme, int64_t issuer_id)
{
    struct fc_ca_info info;

    for (size_t i = 0; fc_ca_info(acme->p.ca, i, &info); i++)
        if (info.id == issuer_id)
            return info.name;
    return "";
}

int fc_acme_issue_store(struct fc_acme *acme, const struct fc_certificate *certificate, struct fc_err *err)
{
    const struct fc_event_about about = {.env = certificate->env,
                                         .account_id = certificate->account_id,
                                         .order_id = certificate->order_id,
                                         .serial = certificate->serial};
    char from[FC_TIME_TEXT_MAX], to[FC_TIME_TEXT_MAX];

    if (fc_acme_limits_issued(acme, certificate, err) || fc_store_cert_insert(acme->p.store, certificate, err) ||
        fc_store_order_finish(acme->p.store, certificate->order_id, certificate->serial, NULL, err))
        return -1;
    json_t *data = json_pack(
        "{s:o,s:s,s:s,s:s}", "identifiers", fc_acme_render_names(certificate->idents, certificate->n_idents), "issuer",
        issuer_name(acme, certificate->issuer_id), "not_before", fc_time_rfc3339(certificate->not_before, from),
        "not_after", fc_time_rfc3339(certificate->not_after, to));
    if (certificate->profile)
        json_object_set_new(data, "profile", json_string(certificate->profile));
    fc_events_add(acme->p.events, FC_EVENT_CERT_ISSUED, certificate->issued_at, &about, data);
    return 0;
}

int fc_acme_issue_fail(struct fc_acme *acme, const struct fc_order *order, const struct fc_problem *problem,
                       int64_t now, struct fc_arena *arena, struct fc_err *err)
{
    const struct fc_event_about about = {.env = order->env, .account_id = order->account_id, .order_id = order->id};

    if (fc_store_order_finish(acme->p.store, order->id, NULL, fc_acme_problem_text(arena, problem), err))
        return -1;
    fc_events_add(acme->p.events, FC_EVENT_ORDER_INVALID, now, &about,
                  json_pack("{s:o}", "problem", fc_problem_json(problem)));
    return 0;
}

/* ---- the job ---- */

struct job {
    struct fc_acme *acme;
    int64_t order_id; /* 0: every unfinished order */
};

static bool is_waiting(const struct fc_acme *acme, const struct fc_order *order)
{
    return strcmp(order->env, acme->p.policy->name) == 0 && order->processing_at && order->csr && !order->serial &&
           !order->error;
}

static int read_order(struct fc_acme *acme, struct fc_arena *arena, int64_t id, struct fc_order *ret_order,
                      struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(acme->p.store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_order_get(acme->p.store, arena, id, ret_order, err);
}

static int finish(struct fc_acme *acme, const struct fc_order *order, const struct fc_certificate *certificate,
                  int64_t now, struct fc_arena *arena, struct fc_err *err)
{
    const struct fc_problem problem = {.type = FC_PROBLEM_SERVER_INTERNAL, .detail = FINALIZE};
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(acme->p.store, FC_STORE_WRITE, &tx, err))
        return -1;
    if (certificate ? fc_acme_issue_store(acme, certificate, err)
                    : fc_acme_issue_fail(acme, order, &problem, now, arena, err))
        return -1;
    return fc_store_commit(&tx, err);
}

static int issue(struct fc_acme *acme, int64_t id, struct fc_arena *arena, struct fc_err *err)
{
    fc_auto(fc_csr_free) struct fc_csr *csr = NULL;
    int64_t now = fc_clock_now(acme->p.clock);
    struct fc_certificate certificate = {0};
    struct fc_err cause = {0};
    struct fc_order order;

    if (read_order(acme, arena, id, &order, err))
        return -1;
    if (!is_waiting(acme, &order))
        return 0;
    if (fc_csr_parse(order.csr, order.csr_len, &csr, &cause) == 0 &&
        fc_acme_issue_make(acme, &order, csr, now, arena, &certificate, &cause) == 0)
        return finish(acme, &order, &certificate, now, arena, err);
    if (cause.code == FC_E_AGAIN)
        return 0; /* fc_acme_issuer_ready brings it back */
    fc_log(FC_LOG_ERROR, "order %" PRId64 ": %s", id, cause.text);
    return finish(acme, &order, NULL, now, arena, err);
}

static void issue_one(struct fc_acme *acme, int64_t id)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct fc_err err = {0};

    if (issue(acme, id, arena, &err) && err.code != FC_E_NOT_FOUND)
        fc_log(FC_LOG_ERROR, "order %" PRId64 ": %s", id, err.text);
}

static int read_unfinished(struct fc_acme *acme, struct fc_arena *arena, int64_t **ret_ids, size_t *ret_count,
                           struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(acme->p.store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_order_unfinished(acme->p.store, arena, ret_ids, ret_count, err);
}

static void run_job(void *arg)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
    struct job *job = arg;
    struct fc_err err = {0};
    int64_t *ids = &job->order_id;
    size_t count = 1;

    if (!job->order_id && read_unfinished(job->acme, arena, &ids, &count, &err)) {
        fc_log(FC_LOG_ERROR, "unfinished orders: %s", err.text);
        count = 0;
    }
    for (size_t i = 0; i < count; i++)
        issue_one(job->acme, ids[i]);
    free(job);
}

void fc_acme_issue_post(struct fc_acme *acme, int64_t order_id)
{
    struct job *job = fc_malloc(sizeof *job);

    *job = (struct job){.acme = acme, .order_id = order_id};
    acme->p.post(acme->p.post_cookie, run_job, free, job);
}

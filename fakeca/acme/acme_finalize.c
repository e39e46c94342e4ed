#include "acme/acme_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"

#include "ca/ca.h"
#include "pki/pki_csr.h"
#include "store/store_order.h"

#define FINALIZE "Error finalizing order"

/* One finalize: the CSR is read before the order, so that one look at the store answers every question. */
struct finalize {
    struct fc_acme_call *call;
    const unsigned char *der;
    size_t der_len;
    struct fc_csr *csr; /* of the arena; NULL: does not parse, see cause */
    bool bad_json;
    struct fc_err cause;
    struct fc_acme_order_view view;
    struct fc_acme_recheck *recheck; /* NULL: CAA need not be looked at again */
};

static void drop_csr(void *csr)
{
    fc_csr_free(csr);
}

/* Remembers what is wrong with the CSR; the order's own refusals come first. */
static void read_csr(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;
    const char *text = NULL;

    if (!call->body || fc_acme_body_text(call->body, "csr", &text) || !text) {
        finalize->bad_json = true;
        return;
    }
    unsigned char *der = fc_arena_alloc(call->arena, strlen(text) + 1);
    if (fc_b64url_decode(text, strlen(text), der, &finalize->der_len)) {
        finalize->bad_json = true;
        return;
    }
    finalize->der = der;
    if (fc_csr_parse(der, finalize->der_len, &finalize->csr, &finalize->cause) == 0)
        fc_arena_defer(call->arena, drop_csr, finalize->csr);
}

static int open_order(struct finalize *finalize, bool *ret_blocked)
{
    struct fc_acme_order_ask ask = {.finalize = true};
    unsigned char spki[32];

    if (finalize->csr && fc_csr_key(finalize->csr)) {
        fc_key_spki_hash(fc_csr_key(finalize->csr), spki);
        ask.spki = spki;
    }
    int result = fc_acme_order_open(finalize->call, &ask, &finalize->view);
    *ret_blocked = ask.blocked;
    return result;
}

static int check(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;
    const struct fc_order *order = &finalize->view.order;
    bool blocked;

    if (open_order(finalize, &blocked))
        return -1;
    if (finalize->view.status != FC_STATUS_READY)
        return fc_acme_refuse(call, ORDER_NOT_READY, "Order's status (\"%s\") is not acceptable for finalization",
                              fc_status_name(finalize->view.status));
    if (finalize->bad_json)
        return fc_acme_refuse(call, MALFORMED, "Error unmarshaling finalize order request");
    if (!finalize->csr)
        return fc_problem_set(&call->problem, call->arena,
                              fc_acme_departs(call)->csr_not_bad_csr ? FC_PROBLEM_MALFORMED : FC_PROBLEM_BAD_CSR,
                              "Error parsing certificate request: %s", finalize->cause.text);
    const struct fc_profile *profile = fc_policy_profile(fc_acme_policy(call), order->profile);
    if (!profile)
        return fc_acme_refuse(call, INVALID_PROFILE, FINALIZE " :: order's profile is not known any more");
    const struct fc_ca_check look = {.csr = finalize->csr,
                                     .idents = order->idents,
                                     .n_idents = order->n_idents,
                                     .profile = fc_profile_at(profile, call->now),
                                     .now = call->now,
                                     .account_spki = call->signer->spki,
                                     .key_blocked = blocked};
    return fc_ca_check_csr(call->acme->p.ca, &look, call->arena, &call->problem);
}

/* ---- what is committed: the order taken, and at once or later its end ---- */

enum end { END_LATER, END_ISSUED, END_FAILED };

static int take(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;
    struct fc_order *order = &finalize->view.order;
    const struct fc_event_about about = {.env = order->env, .account_id = order->account_id, .order_id = order->id};

    if (fc_store_order_take(call->acme->p.store, order->id, call->now, finalize->der, finalize->der_len, &call->err))
        return -1;
    fc_events_add(call->acme->p.events, FC_EVENT_ORDER_FINALIZED, call->now, &about,
                  json_pack("{s:s}", "key", fc_acme_keys_text(call->arena, fc_csr_key(finalize->csr))));
    return 0;
}

static int write_end(struct finalize *finalize, enum end end, const struct fc_certificate *certificate)
{
    struct fc_acme_call *call = finalize->call;
    struct fc_acme *acme = call->acme;
    const struct fc_problem internal = {.type = FC_PROBLEM_SERVER_INTERNAL, .detail = FINALIZE};
    const struct fc_problem *problem = call->problem.type == FC_PROBLEM_NONE ? &internal : &call->problem;

    if (end == END_ISSUED)
        return fc_acme_issue_store(acme, certificate, &call->err);
    if (end == END_FAILED)
        return fc_acme_issue_fail(acme, &finalize->view.order, problem, call->now, call->arena, &call->err);
    return 0;
}

/* One transaction. Of several that finalize at once the first takes the order; the others' certificates go nowhere. */
static int commit(struct finalize *finalize, enum end end, const struct fc_certificate *certificate)
{
    struct fc_acme_call *call = finalize->call;
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_WRITE, &tx, &call->err))
        return fc_acme_problem_internal(call, FINALIZE);
    if (take(finalize)) {
        if (!fc_acme_problem_caught(call, FC_E_BUSY))
            return fc_acme_problem_internal(call, FINALIZE);
        return fc_acme_refuse(call, ORDER_NOT_READY,
                              FINALIZE " :: Order was already processing. This may indicate your client finalized the "
                                       "same order multiple times, possibly due to a client bug.");
    }
    if (write_end(finalize, end, certificate) || fc_store_commit(&tx, &call->err))
        return fc_acme_problem_internal(call, FINALIZE);
    return 0;
}

static int finish_later(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;
    struct fc_order *order = &finalize->view.order;

    if (commit(finalize, END_LATER, NULL))
        return -1;
    fc_acme_issue_post(call->acme, order->id);
    fc_acme_fault_hold_order(call, order->id);
    fc_acme_order_answer(call, 200, order, FC_STATUS_PROCESSING);
    return 0;
}

static int finish_now(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;
    struct fc_order *order = &finalize->view.order;
    struct fc_certificate certificate = {0};

    if (fc_acme_issue_make(call->acme, order, finalize->csr, call->now, call->arena, &certificate, &call->err)) {
        if (fc_acme_problem_caught(call, FC_E_AGAIN))
            return finish_later(finalize);
        struct fc_err cause = call->err;
        fc_err_clear(&call->err);
        if (commit(finalize, END_FAILED, NULL))
            return -1;
        call->err = cause;
        return fc_acme_problem_internal(call, FINALIZE);
    }
    if (commit(finalize, END_ISSUED, &certificate))
        return -1;
    order->serial = certificate.serial;
    fc_acme_fault_hold_order(call, order->id);
    fc_acme_order_answer(call, 200, order, FC_STATUS_VALID);
    return 0;
}

/* A rule of faults/ wants it. The order is over before the answer: who is told "processing" finds it so with the next look. */
static int finish_failed(struct finalize *finalize, const struct fc_fault *fault, bool later)
{
    struct fc_acme_call *call = finalize->call;

    fc_problem_set(&call->problem, call->arena, FC_PROBLEM_SERVER_INTERNAL, "%s",
                   fault->detail ? fault->detail : FINALIZE " :: trouble on request: issuance failed");
    if (commit(finalize, END_FAILED, NULL) || !later)
        return -1;
    call->problem = (struct fc_problem){0};
    fc_acme_order_answer(call, 200, &finalize->view.order, FC_STATUS_PROCESSING);
    return 0;
}

static int finish(struct finalize *finalize)
{
    const struct fc_acme *acme = finalize->call->acme;
    const struct fc_fault *fault = fc_acme_fault_find(finalize->call, FC_FAULT_ISSUANCE_FAILS);
    bool later = acme->p.pace == FC_PACE_LETSENCRYPT && fc_acme_policy(finalize->call)->issuance.finalize_async;

    if (fault)
        return finish_failed(finalize, fault, later);
    return later ? finish_later(finalize) : finish_now(finalize);
}

/* The request was held for CAA. */
static int resume(struct finalize *finalize)
{
    struct fc_acme_call *call = finalize->call;

    if (fc_acme_recheck_result(call, finalize->recheck) == 0)
        return finish(finalize);
    if (call->problem.type == FC_PROBLEM_NONE)
        return fc_acme_problem_internal(call, FINALIZE);
    (void)fc_problem_context(&call->problem, call->arena, FINALIZE);
    if (fc_acme_policy(call)->issuance.caa_recheck_fails_order)
        (void)commit(finalize, END_FAILED, NULL);
    return -1;
}

int fc_acme_finalize(struct fc_acme_call *call)
{
    struct finalize *finalize = call->held;

    if (finalize)
        return resume(finalize);
    call->held = finalize = fc_arena_alloc(call->arena, sizeof *finalize);
    finalize->call = call;
    read_csr(finalize);
    if (check(finalize))
        return -1;
    if (fc_acme_recheck_start(call, &finalize->view, &finalize->recheck))
        return fc_acme_problem_internal(call, FINALIZE);
    return finalize->recheck ? 0 : finish(finalize);
}

/* Renewal information of one certificate: what clients are told, and the window moved by hand. */
#include "manage/manage_int.h"

#include <string.h>

#include "base/base_text.h"
#include "base/base_time.h"
#include "ca/ca.h"
#include "events/events.h"
#include "model/model.h"
#include "policy/policy.h"
#include "store/store_cert.h"
#include "store/store_renewal.h"

#define URL_MAX_BYTES 1024
#define RETRY_AFTER_MAX (30 * FC_DAY)

struct renewal {
    struct fc_certificate cert;
    const struct fc_policy *policy; /* in force now */
    struct fc_store_window moved;
    bool is_moved;
};

static int open_renewal(struct fc_manage_call *call, struct renewal *ret, struct fc_err *err)
{
    const struct fc_manage_env *env;

    if (fc_manage_certs_find(call, &ret->cert, &env, err))
        return -1;
    ret->policy = fc_policy_at(env->policy, call->req->now);
    return 0;
}

/* Inside a transaction. */
static int read_moved(struct fc_manage_call *call, struct renewal *renewal, struct fc_err *err)
{
    struct fc_err cause = {0};

    renewal->is_moved = fc_store_window_get(call->manage->params.store, call->req->arena, renewal->cert.serial,
                                            &renewal->moved, &cause) == 0;
    if (renewal->is_moved || cause.code == FC_E_NOT_FOUND)
        return 0;
    return fc_err_set(err, cause.code, "%s", cause.text);
}

static json_t *render(const struct fc_manage_call *call, const struct renewal *renewal)
{
    const struct fc_certificate *cert = &renewal->cert;
    const char *certid = fc_ca_ari_id(cert->der, cert->der_len, call->req->arena);
    struct fc_ca_window window = {renewal->moved.start, renewal->moved.end};
    const char *why = renewal->is_moved ? "moved" : "computed";

    if (cert->revoked_at) {
        fc_ca_ari_revoked(renewal->policy, call->req->now, &window);
        why = "revoked";
    } else if (!renewal->is_moved) {
        fc_ca_ari_window(renewal->policy, cert->issued_at, cert->not_after, &window);
    }
    int64_t retry_after_s = renewal->moved.retry_after_s;
    return json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:o}", "serial", cert->serial, "certid", fc_manage_render_text(certid),
                     "why", why, "start", fc_manage_render_time(window.start), "end", fc_manage_render_time(window.end),
                     "explanation_url", fc_manage_render_text(renewal->moved.explanation), "retry_after_s",
                     retry_after_s ? json_integer(retry_after_s) : json_null());
}

int fc_manage_renewal_get(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};
    struct renewal renewal = {0};

    if (open_renewal(call, &renewal, err) || fc_store_begin(call->manage->params.store, FC_STORE_READ, &tx, err) ||
        read_moved(call, &renewal, err))
        return -1;
    fc_store_end(&tx);
    fc_manage_json(call, render(call, &renewal));
    return 0;
}

/* ---- moving ---- */

static bool is_url(const char *text)
{
    return fc_text_starts(text, "https://") || fc_text_starts(text, "http://");
}

/* Without times: due at once, as a revoked one is. */
static void read_window(struct fc_manage_call *call, struct fc_json_obj *body, struct renewal *renewal)
{
    struct fc_store_window *window = &renewal->moved;
    struct fc_ca_window past;

    fc_ca_ari_revoked(renewal->policy, call->req->now, &past);
    window->serial = renewal->cert.serial;
    window->start = fc_json_time(body, "start", FC_JSON_OPTIONAL, past.start);
    window->end = fc_json_time(body, "end", FC_JSON_OPTIONAL, past.end);
    window->explanation = fc_json_str(body, "explanation_url", FC_JSON_OPTIONAL, URL_MAX_BYTES);
    window->retry_after_s =
        fc_json_duration(body, "retry_after", FC_JSON_OPTIONAL, FC_SECOND, RETRY_AFTER_MAX, 0) / FC_SECOND;
    if (fc_json_has(body, "start") != fc_json_has(body, "end"))
        fc_json_errs_add(body, NULL, "'start' and 'end' belong together: one is missing");
    else if (window->end - window->start < FC_SECOND)
        fc_json_errs_add(body, "end", "must be later than 'start'");
    if (window->explanation && !is_url(window->explanation))
        fc_json_errs_add(body, "explanation_url", "must begin with 'https://' or 'http://'");
    renewal->is_moved = true;
}

static void add_event(struct fc_manage_call *call, const struct renewal *renewal)
{
    const struct fc_certificate *cert = &renewal->cert;
    const struct fc_event_about about = {
        .env = cert->env, .account_id = cert->account_id, .order_id = cert->order_id, .serial = cert->serial};
    fc_auto_json shown = render(call, renewal);
    json_t *data = json_pack("{s:O,s:O,s:O}", "start", json_object_get(shown, "start"), "end",
                             json_object_get(shown, "end"), "why", json_object_get(shown, "why"));

    if (renewal->moved.explanation)
        json_object_set_new(data, "explanation", json_string(renewal->moved.explanation));
    fc_events_add(call->manage->params.events, FC_EVENT_RENEWAL_WINDOW, call->req->now, &about, data);
}

int fc_manage_renewal_put(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_manage_input input fc_auto_input = {0};
    struct fc_store_tx tx fc_auto_tx = {0};
    struct renewal renewal = {0};

    if (open_renewal(call, &renewal, err) || fc_manage_body_open(call, &input, err))
        return -1;
    read_window(call, &input.root, &renewal);
    if (fc_manage_body_close(&input, err) || fc_store_begin(store, FC_STORE_WRITE, &tx, err) ||
        fc_store_window_set(store, &renewal.moved, err))
        return -1;
    add_event(call, &renewal);
    if (fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, render(call, &renewal));
    return 0;
}

int fc_manage_renewal_delete(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct renewal renewal = {0};
    bool removed;

    if (open_renewal(call, &renewal, err) || fc_store_begin(store, FC_STORE_WRITE, &tx, err) ||
        fc_store_window_clear(store, renewal.cert.serial, &removed, err))
        return -1;
    if (removed)
        add_event(call, &renewal);
    if (fc_store_commit(&tx, err))
        return -1;
    fc_manage_json(call, render(call, &renewal));
    return 0;
}

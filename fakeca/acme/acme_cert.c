/* Download of a certificate: letsencrypt.md E.3. */
#include "acme/acme_int.h"

#include <string.h>

#include "base/base_text.h"

#include "ca/ca.h"
#include "store/store_cert.h"

static int chain_index(struct fc_acme_call *call, int64_t *ret_index)
{
    *ret_index = 0;
    if (call->req->n_params < 2)
        return 0;
    if (fc_text_int(call->req->params[1], 0, INT32_MAX, ret_index, NULL))
        return fc_acme_refuse(call, MALFORMED, "Chain ID must be a non-negative integer");
    return 0;
}

static int read_row(struct fc_acme_call *call, const char *serial, struct fc_certificate *ret_certificate)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(call->acme->p.store, FC_STORE_READ, &tx, &call->err))
        return -1;
    return fc_store_cert_get(call->acme->p.store, call->arena, serial, ret_certificate, &call->err);
}

static int find(struct fc_acme_call *call, struct fc_certificate *ret_certificate)
{
    int64_t who = fc_acme_auth_account_id(call);

    if (read_row(call, call->req->params[0], ret_certificate)) {
        if (!fc_acme_problem_caught(call, FC_E_NOT_FOUND))
            return fc_acme_problem_internal(call, "Failed to retrieve certificate");
        return fc_acme_missing(call, "Certificate not found");
    }
    if (strcmp(ret_certificate->env, call->acme->p.policy->name) != 0)
        return fc_acme_missing(call, "Certificate not found");
    if (who && who != ret_certificate->account_id)
        return fc_acme_refuse(call, UNAUTHORIZED, "Account in use did not issue specified certificate");
    return 0;
}

static void link_alternates(struct fc_acme_call *call, const struct fc_certificate *certificate, size_t chains,
                            size_t shown)
{
    for (size_t i = 0; i < chains; i++)
        if (i != shown)
            fc_acme_render_link(call, fc_acme_render_url(call, "/acme/cert/%s/%zu", certificate->serial, i),
                                "alternate");
}

static void answer(struct fc_acme_call *call, const struct fc_certificate *certificate, const char *pem)
{
    const struct fc_event_about about = {.env = certificate->env,
                                         .account_id = certificate->account_id,
                                         .order_id = certificate->order_id,
                                         .serial = certificate->serial};
    call->res->status = 200;
    call->res->body = pem;
    call->res->body_len = strlen(pem);
    fc_http_res_set_header(call->res, "Content-Type", "application/pem-certificate-chain");
    fc_events_note(call->acme->p.events, FC_EVENT_CERT_DOWNLOADED, call->now, &about, NULL);
}

int fc_acme_cert(struct fc_acme_call *call)
{
    struct fc_certificate certificate;
    int64_t index;

    if (chain_index(call, &index) || find(call, &certificate))
        return -1;
    size_t chains = fc_ca_chains(call->acme->p.ca, certificate.issuer_id, call->now);
    if ((size_t)index >= chains)
        return fc_acme_missing(call, "Unknown issuance chain");
    const char *pem = fc_ca_chain_pem(call->acme->p.ca, call->arena, &certificate, call->now, (size_t)index);
    if (!pem) /* the clock went to a time with other chains, whose keys are made now */
        return fc_acme_problem_internal(call, "Failed to retrieve certificate chain");
    link_alternates(call, &certificate, chains, (size_t)index);
    answer(call, &certificate, pem);
    return 0;
}

/* Certificates. */
#include "manage/manage_int.h"

#include <stdlib.h>
#include <string.h>

#include "acme/acme.h"
#include "base/base_text.h"
#include "ca/ca.h"
#include "model/model.h"
#include "pki/pki_cert.h"
#include "store/store_cert.h"

#define NAME_MAX_BYTES 253
#define SERIAL_MAX 64

/* The name as the rows hold it. */
static int read_name(struct fc_manage_call *call, const char **ret_name, struct fc_err *err)
{
    const char *text = fc_http_req_query(call->req, "name");

    *ret_name = NULL;
    if (!text)
        return 0;
    if (!*text || strlen(text) > NAME_MAX_BYTES)
        return fc_err_set(err, FC_E_USAGE, "query parameter 'name': must have 1 to %d bytes", NAME_MAX_BYTES);
    char *name = fc_arena_strdup(call->req->arena, text);
    fc_text_lower(name);
    *ret_name = name;
    return 0;
}

int fc_manage_certs_list(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    struct fc_store_cert_filter filter = {0};
    struct fc_manage_want want;
    struct fc_certificate *certificates;
    int64_t *numbers;
    size_t count;

    if (fc_manage_body_want(call, true, &want, err) || read_name(call, &filter.name, err))
        return -1;
    filter.env = want.env;
    filter.account_id = want.account;
    if (fc_store_begin(store, FC_STORE_READ, &tx, err) ||
        fc_store_cert_list(store, call->req->arena, &filter, &want.page, &certificates, &numbers, &count, err))
        return -1;
    fc_store_end(&tx);
    json_t *rows = json_array();
    bool more = fc_manage_body_want_more(&want, &count);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows,
                              fc_manage_render_certificate(call->manage, &certificates[i], numbers[i], call->req->now));
    fc_manage_json(call, json_pack("{s:o,s:o}", "certificates", rows, "next",
                                   more ? json_integer(numbers[count - 1]) : json_null()));
    return 0;
}

/* ---- one ---- */

static int get(struct fc_manage_call *call, struct fc_certificate *ret_certificate, struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    struct fc_store_tx tx fc_auto_tx = {0};
    char *serial = fc_arena_strdup(call->req->arena, call->req->params[0]);
    struct fc_err cause = {0};

    /* openssl prints serials in upper case */
    fc_text_lower(serial);
    if (strlen(serial) > SERIAL_MAX)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such certificate '%.64s...'", serial);
    if (fc_store_begin(store, FC_STORE_READ, &tx, err))
        return -1;
    if (fc_store_cert_get(store, call->req->arena, serial, ret_certificate, &cause))
        return fc_err_set(err, cause.code, "%s '%s'", cause.text, serial);
    return 0;
}

/* The number in the order of issuance, which only lists know: looked for among those of the same account and name. */
static int find_number(struct fc_manage_call *call, const struct fc_certificate *certificate, int64_t *ret_number,
                       struct fc_err *err)
{
    struct fc_store *store = call->manage->params.store;
    const struct fc_store_cert_filter filter = {.env = certificate->env,
                                                .account_id = certificate->account_id,
                                                .name = certificate->n_idents ? certificate->idents[0].value : NULL};
    struct fc_store_page page = {.limit = FC_STORE_PAGE_MAX, .newest_first = true};
    size_t count;

    do {
        fc_auto(fc_arena_free) struct fc_arena *arena = fc_arena_new();
        struct fc_store_tx tx fc_auto_tx = {0};
        struct fc_certificate *rows;
        int64_t *numbers;
        if (fc_store_begin(store, FC_STORE_READ, &tx, err) ||
            fc_store_cert_list(store, arena, &filter, &page, &rows, &numbers, &count, err))
            return -1;
        fc_store_end(&tx);
        for (size_t i = 0; i < count; i++) {
            page.after = *ret_number = numbers[i];
            if (strcmp(rows[i].serial, certificate->serial) == 0)
                return 0;
        }
    } while (count == FC_STORE_PAGE_MAX);
    return fc_err_set(err, FC_E_NOT_FOUND, "no such certificate '%s'", certificate->serial);
}

static int render(struct fc_manage_call *call, const struct fc_certificate *certificate, json_t **ret_json,
                  struct fc_err *err)
{
    int64_t number;

    if (find_number(call, certificate, &number, err))
        return -1;
    *ret_json = fc_manage_render_certificate(call->manage, certificate, number, call->req->now);
    return 0;
}

int fc_manage_certs_get(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_certificate certificate;
    json_t *answer;

    if (get(call, &certificate, err) || render(call, &certificate, &answer, err))
        return -1;
    const struct fc_manage_env *env = fc_manage_find_env(call->manage, certificate.env);
    const char *issuer = json_string_value(json_object_get(answer, "issuer"));
    json_object_set_new(answer, "chains",
                        env && issuer ? fc_manage_render_chains(env, issuer, call->req->now) : json_array());
    fc_auto_free char *pem = fc_cert_der_to_pem(certificate.der, certificate.der_len);
    json_object_set_new(answer, "pem", json_string(pem));
    fc_manage_json(call, answer);
    return 0;
}

static int env_of(struct fc_manage_call *call, const struct fc_certificate *certificate,
                  const struct fc_manage_env **ret_env, struct fc_err *err)
{
    *ret_env = fc_manage_find_env(call->manage, certificate->env);
    if (!*ret_env)
        return fc_err_set(err, FC_E_NOT_FOUND, "the environment '%s' of certificate '%s' is not served now",
                          certificate->env, certificate->serial);
    return 0;
}

int fc_manage_certs_find(struct fc_manage_call *call, struct fc_certificate *ret_certificate,
                         const struct fc_manage_env **ret_env, struct fc_err *err)
{
    return get(call, ret_certificate, err) || env_of(call, ret_certificate, ret_env, err) ? -1 : 0;
}

int fc_manage_certs_chain(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_certificate certificate;
    const struct fc_manage_env *env;
    int64_t chain = 0;

    if (fc_manage_body_query_int(call, "chain", 0, INT32_MAX, &chain, err) || get(call, &certificate, err) ||
        env_of(call, &certificate, &env, err))
        return -1;
    size_t chains = fc_ca_chains(env->ca, certificate.issuer_id, call->req->now);
    if (chains == 0)
        return fc_err_set(err, FC_E_NOT_FOUND, "the issuer of certificate '%s' is not known any more",
                          certificate.serial);
    if ((size_t)chain >= chains)
        return fc_err_set(err, FC_E_NOT_FOUND, "certificate '%s' has the chains 0 to %zu", certificate.serial,
                          chains - 1);
    const char *pem = fc_ca_chain_pem(env->ca, call->req->arena, &certificate, call->req->now, (size_t)chain);
    if (!pem)
        return fc_err_set(err, FC_E_AGAIN, "a CA certificate of this chain is still being made");
    fc_http_res_text(call->req, call->res, 200, "application/pem-certificate-chain", pem);
    return 0;
}

int fc_manage_certs_revoke(struct fc_manage_call *call, struct fc_err *err)
{
    struct fc_manage_input input fc_auto_input = {0};
    struct fc_certificate certificate;
    const struct fc_manage_env *env;
    json_t *answer;

    if (fc_manage_body_open(call, &input, err))
        return -1;
    int64_t reason = fc_json_int(&input.root, "reason", FC_JSON_OPTIONAL, 0, 10, 0);
    if (fc_manage_body_close(&input, err) || get(call, &certificate, err) || env_of(call, &certificate, &env, err) ||
        fc_acme_revoke(env->acme, certificate.serial, (int)reason, call->req->now, err) ||
        get(call, &certificate, err) || render(call, &certificate, &answer, err))
        return -1;
    fc_manage_json(call, answer);
    return 0;
}

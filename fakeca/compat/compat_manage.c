/* Pebble's management paths: CA certificates and keys, the status of a certificate, renewal information by hand. */
#include "compat/compat_int.h"

#include <inttypes.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_clock.h"
#include "base/base_log.h"
#include "base/base_text.h"
#include "base/base_time.h"

#include "ca/ca.h"
#include "http/http_route.h"
#include "pki/pki_cert.h"
#include "store/store_cert.h"

#define CHAIN_TYPE "application/pem-certificate-chain; charset=utf-8"
#define KEY_TYPE "application/x-pem-file; charset=utf-8"
#define SERIAL_MAX 40 /* hex digits (RFC 5280 section 4.1.2.2: 20 octets) */
#define READY_MAX (20 * FC_SECOND)

static void no_body(struct fc_http_res *res, int status)
{
    res->status = status;
}

static void failed(struct fc_http_res *res, const struct fc_err *err)
{
    fc_log(FC_LOG_ERROR, "%s", err->text);
    no_body(res, 500);
}

/* ---- CA certificates ---- */

/* The n-th root, or the issuer of leaves as the n-th root's chain has it. */
static bool find_ca(const struct fc_compat_pebble *pebble, bool root, int64_t n, struct fc_ca_info *ret_info)
{
    int64_t seen = 0;

    for (size_t i = 0; fc_ca_info(pebble->p.ca, i, ret_info); i++)
        if ((root ? ret_info->root : ret_info->issues_leaves || ret_info->key_of) && seen++ == n)
            return true;
    return false;
}

static void add_links(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res,
                      bool root, int64_t shown)
{
    const char *end = strchr(req->path + 1, '/');
    int prefix = (int)(end - req->path);
    struct fc_ca_info info;

    for (int64_t n = 0; n <= FC_COMPAT_ROOTS_MAX && find_ca(pebble, root, n, &info); n++)
        if (n != shown)
            fc_http_res_header(res, "Link",
                               fc_arena_printf(req->arena, "<%s://%s%.*s/%" PRId64 ">;rel=\"alternate\"", req->scheme,
                                               req->host ? req->host : "localhost", prefix, req->path, n));
}

static bool open_ca(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res, bool root,
                    struct fc_ca_info *ret_info)
{
    int64_t n;

    fc_ca_wait_ready(pebble->p.ca, fc_clock_mono() + READY_MAX);
    if (fc_text_int(req->params[0], 0, INT32_MAX, &n, NULL) || !find_ca(pebble, root, n, ret_info) || !ret_info->pem) {
        no_body(res, 404);
        return false;
    }
    add_links(pebble, req, res, root, n);
    return true;
}

static void show_ca(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res, bool root)
{
    struct fc_ca_info info;

    if (open_ca(pebble, req, res, root, &info))
        fc_http_res_text(req, res, 200, CHAIN_TYPE, info.pem);
}

static void roots(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    show_ca(pebble, req, res, true);
}

static void intermediates(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    show_ca(pebble, req, res, false);
}

/* ---- their keys ---- */

static int read_key(const struct fc_compat_pebble *pebble, struct fc_arena *arena, const char *name,
                    struct fc_issuer *ret_issuer, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(pebble->p.store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_issuer_get(pebble->p.store, arena, fc_arena_printf(arena, "%s/%s", pebble->p.env, name), ret_issuer,
                               err);
}

/* "RSA PRIVATE KEY" or "EC PRIVATE KEY", as Pebble writes them; NULL when it is no key. */
static const char *key_pem(struct fc_arena *arena, const struct fc_issuer *issuer)
{
    const unsigned char *at = issuer->key_der;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)issuer->key_len);
    BIO *out = key ? BIO_new(BIO_s_mem()) : NULL;
    const char *pem = NULL;
    char *data;

    if (out && PEM_write_bio_PrivateKey_traditional(out, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(out, &data);
        pem = fc_arena_strndup(arena, data, (size_t)len);
    }
    BIO_free(out);
    EVP_PKEY_free(key);
    return pem;
}

static void show_key(const struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res, bool root)
{
    struct fc_err err = {0};
    struct fc_ca_info info;
    struct fc_issuer issuer;

    if (!open_ca(pebble, req, res, root, &info))
        return;
    if (read_key(pebble, req->arena, info.key_of ? info.key_of : info.name, &issuer, &err)) {
        failed(res, &err);
        return;
    }
    const char *pem = issuer.key_der ? key_pem(req->arena, &issuer) : NULL;
    if (pem)
        fc_http_res_text(req, res, 200, KEY_TYPE, pem);
    else
        no_body(res, 404);
}

static void root_keys(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    show_key(pebble, req, res, true);
}

static void intermediate_keys(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    show_key(pebble, req, res, false);
}

/* ---- certificates ---- */

/* As the store has them: whole octets, lower case. NULL: not hex. */
static const char *read_serial(struct fc_arena *arena, const char *text)
{
    size_t len = strlen(text);

    if (len == 0 || len > SERIAL_MAX || strspn(text, "0123456789abcdefABCDEF") != len)
        return NULL;
    char *serial = fc_arena_printf(arena, "%s%s", len % 2 ? "0" : "", text);
    fc_text_lower(serial);
    return serial;
}

int fc_compat_certificate(const struct fc_compat_pebble *pebble, struct fc_arena *arena, const char *serial,
                          struct fc_certificate *ret_certificate, struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(pebble->p.store, FC_STORE_READ, &tx, err))
        return -1;
    return fc_store_cert_get(pebble->p.store, arena, serial, ret_certificate, err);
}

static void cert_status(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    const char *serial = req->n_params ? read_serial(req->arena, req->params[0]) : NULL;
    struct fc_certificate certificate;
    struct fc_err err = {0};
    char at[FC_TIME_TEXT_MAX];

    if (!serial) {
        no_body(res, 400);
        return;
    }
    if (fc_compat_certificate(pebble, req->arena, serial, &certificate, &err)) {
        if (err.code == FC_E_NOT_FOUND)
            no_body(res, 404);
        else
            failed(res, &err);
        return;
    }
    fc_auto_free char *pem = fc_cert_der_to_pem(certificate.der, certificate.der_len);
    json_t *answer = json_pack("{s:s}", "Certificate", pem);
    if (certificate.revoked_at) {
        json_object_set_new(answer, "Reason", json_integer(certificate.reason));
        json_object_set_new(answer, "RevokedAt", json_string(fc_time_rfc3339_ms(certificate.revoked_at, at)));
    }
    json_object_set_new(answer, "Serial", json_string(certificate.serial));
    json_object_set_new(answer, "Status", json_string(certificate.revoked_at ? "Revoked" : "Valid"));
    fc_http_res_json(req, res, 200, "application/json; charset=utf-8", answer);
}

static void set_renewal_info(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res)
{
    if (strcmp(req->method, "POST") == 0) {
        fc_compat_ari_set(pebble->ari, req, res);
        return;
    }
    fc_http_res_text(req, res, 405, "text/plain; charset=utf-8", "only POST sets renewal information\n");
    fc_http_res_set_header(res, "Allow", "POST");
}

/* ---- the table; Pebble asks for no method but where something is set ---- */

static const struct path {
    const char *pattern;
    void (*handle)(struct fc_compat_pebble *pebble, struct fc_http_req *req, struct fc_http_res *res);
} paths[] = {
    {"/roots/{}", roots},
    {"/intermediates/{}", intermediates},
    {"/root-keys/{}", root_keys},
    {"/intermediate-keys/{}", intermediate_keys},
    {"/cert-status-by-serial/", cert_status},
    {"/cert-status-by-serial/{}", cert_status},
    {"/set-renewal-info/", set_renewal_info},
};

void fc_compat_pebble_manage(void *cookie, struct fc_http_req *req, struct fc_http_res *res)
{
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (fc_http_route_match(req, "", paths[i].pattern)) {
            paths[i].handle(cookie, req, res);
            return;
        }
    fc_http_res_text(req, res, 404, "text/plain; charset=utf-8", "404 page not found\n");
}

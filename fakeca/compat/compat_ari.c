/* Renewal information that was set by hand. */
#include "compat/compat_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_b64.h"
#include "base/base_json.h"

#include "ca/ca.h"
#include "pki/pki_cert.h"

#define ENTRIES_MAX 1000

struct entry {
    struct entry *next;
    char *certid, *text;
};

struct fc_compat_ari {
    pthread_mutex_t lock;
    struct entry *first;
    size_t count;
};

struct fc_compat_ari *fc_compat_ari_new(void)
{
    struct fc_compat_ari *ari = fc_calloc(1, sizeof *ari);

    pthread_mutex_init(&ari->lock, NULL);
    return ari;
}

static void entry_free(struct entry *entry)
{
    free(entry->certid);
    free(entry->text);
    free(entry);
}

void fc_compat_ari_free(struct fc_compat_ari *ari)
{
    if (!ari)
        return;
    for (struct entry *entry = ari->first, *next; entry; entry = next) {
        next = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&ari->lock);
    free(ari);
}

static struct entry **find(struct fc_compat_ari *ari, const char *certid)
{
    struct entry **link = &ari->first;

    while (*link && strcmp((*link)->certid, certid) != 0)
        link = &(*link)->next;
    return link;
}

/* -1: there are as many as may be. */
static int put(struct fc_compat_ari *ari, const char *certid, const char *text)
{
    int result = 0;

    pthread_mutex_lock(&ari->lock);
    struct entry *entry = *find(ari, certid);
    if (entry) {
        free(entry->text);
        entry->text = fc_strdup(text);
    } else if (ari->count < ENTRIES_MAX) {
        entry = fc_calloc(1, sizeof *entry);
        *entry = (struct entry){.next = ari->first, .certid = fc_strdup(certid), .text = fc_strdup(text)};
        ari->first = entry;
        ari->count++;
    } else {
        result = -1;
    }
    pthread_mutex_unlock(&ari->lock);
    return result;
}

const char *fc_compat_ari_get(struct fc_compat_ari *ari, struct fc_arena *arena, const char *certid)
{
    pthread_mutex_lock(&ari->lock);
    const struct entry *entry = *find(ari, certid);
    const char *text = entry ? fc_arena_strdup(arena, entry->text) : NULL;
    pthread_mutex_unlock(&ari->lock);
    return text;
}

/* ---- the request ---- */

static void refuse(struct fc_http_req *req, struct fc_http_res *res, int status, const char *why)
{
    fc_http_res_text(req, res, status, "text/plain; charset=utf-8", fc_arena_printf(req->arena, "%s\n", why));
}

/* PEM, or base64url of the DER. */
static const char *certid_of(struct fc_arena *arena, const char *text)
{
    struct fc_cert *cert = NULL;
    size_t len = strlen(text);
    const unsigned char *der;

    if (fc_cert_from_pem(text, len, &cert, NULL)) {
        unsigned char *bytes = fc_arena_alloc(arena, len + 1);
        if (fc_b64url_decode(text, len, bytes, &len) || fc_cert_from_der(bytes, len, &cert, NULL))
            return NULL;
    }
    der = fc_cert_der(cert, &len);
    const char *certid = fc_ca_ari_id(der, len, arena);
    fc_cert_free(cert);
    return certid;
}

void fc_compat_ari_set(struct fc_compat_ari *ari, struct fc_http_req *req, struct fc_http_res *res)
{
    fc_auto_json body = NULL;
    struct fc_err err = {0};
    bool bad = false;

    if (req->body_too_large || fc_json_parse(req->body, req->body_len, &body, &err)) {
        refuse(req, res, 400, req->body_too_large ? "the body is too large" : err.text);
        return;
    }
    const char *certificate = fc_compat_json_text(body, "certificate", &bad);
    const char *answer = fc_compat_json_text(body, "ariResponse", &bad);
    if (bad || !certificate || !answer) {
        refuse(req, res, 400, "the body must be an object with the texts 'certificate' (PEM) and 'ariResponse'");
        return;
    }
    const char *certid = certid_of(req->arena, certificate);
    if (!certid)
        refuse(req, res, 400, "'certificate' is no certificate (PEM) with an authority key identifier");
    else if (put(ari, certid, answer))
        refuse(req, res, 507, "renewal information was set for 1000 certificates already");
    else
        res->status = 200;
}

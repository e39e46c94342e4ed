/* Shared inside compat/ only. */
#ifndef FC_COMPAT_INT_H
#define FC_COMPAT_INT_H

#include "compat/compat.h"

#include <pthread.h>

/* Renewal information that /set-renewal-info/ put in the place of the CA's own. */
struct fc_compat_ari;
struct fc_compat_ari *fc_compat_ari_new(void);
void fc_compat_ari_free(struct fc_compat_ari *ari);
/* Answers a POST of /set-renewal-info/. */
void fc_compat_ari_set(struct fc_compat_ari *ari, struct fc_http_req *req, struct fc_http_res *res);
/* The text for the certificate identifier of RFC 9773 ("AKI.SERIAL"), copied into the arena; NULL when none was set. */
const char *fc_compat_ari_get(struct fc_compat_ari *ari, struct fc_arena *arena, const char *certid);

struct fc_compat_pebble {
    struct fc_compat_pebble_params p;
    struct fc_compat_ari *ari;
};

/* The certificate of that serial number, as rows have it. FC_E_NOT_FOUND. */
struct fc_certificate;
int fc_compat_certificate(const struct fc_compat_pebble *pebble, struct fc_arena *arena, const char *serial,
                          struct fc_certificate *ret_certificate, struct fc_err *err);

/* ---- compat_words.c ---- */

/* Puts problems of an ACME answer, its own and those of challenges, into Pebble's words, and lists that have no order into any, as
 * Pebble does by default. Returns the status that a problem has then, 0 for what is none. */
int fc_compat_words_answer(struct fc_arena *arena, json_t *answer);

/* ---- compat_json.c: objects as Go reads them ---- */

/* The member whose name is `key` in any case; NULL when absent or null. */
const json_t *fc_compat_json_get(const json_t *object, const char *key);
/* Texts: NULL when absent; *ret_bad true (left alone otherwise) when it is something else. */
const char *fc_compat_json_text(const json_t *object, const char *key, bool *ret_bad);

#endif

/* Accounts that are kept from ordering for identifiers that keep failing, and the page that ends it (letsencrypt.md A.8). */
#ifndef FC_ACME_PAUSE_H
#define FC_ACME_PAUSE_H

#include "acme/acme_int.h"

/* Inside a write. Refuses an order that names a paused identifier; -1 with call->problem or call->err. */
int fc_acme_pause_check(struct fc_acme_call *call, const struct fc_ident *idents, size_t count);
/* Inside a write: the account is paused for the authorization's identifier, unless it was unpaused a short while ago. */
int fc_acme_pause_begin(struct fc_acme *acme, const struct fc_authz *authz, int64_t now, struct fc_arena *arena,
                        struct fc_err *err);

#endif

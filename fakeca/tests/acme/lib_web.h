/* The web server that validations ask: one thread, one request a connection. */
#ifndef FC_TESTS_ACME_LIB_WEB_H
#define FC_TESTS_ACME_LIB_WEB_H

#include "lib_acme.h"

#include <stddef.h>

struct lib_web *lib_web_start(void);
void lib_web_stop(struct lib_web *web);
unsigned lib_web_port(const struct lib_web *web);
void lib_web_set_mode(struct lib_web *web, enum lib_web_mode mode);
void lib_web_set_thumbprint(struct lib_web *web, const char *thumbprint);
/* Requests so far; waits a while until there are `at_least`. */
size_t lib_web_count(struct lib_web *web, size_t at_least);

#endif

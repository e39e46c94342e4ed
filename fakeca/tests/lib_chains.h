/* Built-in hierarchies without their cross-signed chains, for tests that look at something else. */
#ifndef FC_TESTS_LIB_CHAINS_H
#define FC_TESTS_LIB_CHAINS_H

#include <jansson.h>

/* Let's Encrypt's chains end at an RSA root: without them an ECDSA certificate waits for no RSA key. */
static inline void lib_chains_remove(json_t *policy)
{
    json_t *certificate;
    size_t i;

    json_array_foreach(json_object_get(json_object_get(policy, "hierarchy"), "certificates"), i, certificate)
        json_object_del(certificate, "chains");
}

#endif

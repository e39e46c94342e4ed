/* Policy texts to change and to load, for the tests of policy/. */
#ifndef FC_TESTS_POLICY_LIB_POLICY_H
#define FC_TESTS_POLICY_LIB_POLICY_H

#include "base/base_json.h"
#include "policy/policy_int.h"

/* The built-in production policy as a new JSON value, with an override for the orders of account 17. */
json_t *production_json(void);
/* Loads a JSON value as file "p.json" and frees the policy; 0 or -1 with err. */
int load_json(const json_t *value, struct fc_err *err);
/* The same for a text. */
int load_text(const char *text, struct fc_err *err);
/* The value at "profiles[0].validity" ("": root itself), borrowed; the test fails when there is none. */
json_t *find_json(json_t *root, const char *path);

#endif

/* The table of kinds and the names of endpoints. */
#include "faults/faults_int.h"

#include <string.h>

const char fc_fault_html[] = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
                             "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n"
                             "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

static const struct fc_fault_row rows[] = {
#define X(name, text, endpoints, needs, may, help) [FC_FAULT_##name] = {text, endpoints, needs, may, help},
#include "faults/faults.def"
#undef X
};

static const char *const endpoints[FC_FAULT_AT__MAX + 1] = {
    [FC_FAULT_AT_DIRECTORY] = "directory",
    [FC_FAULT_AT_NEW_NONCE] = "newNonce",
    [FC_FAULT_AT_NEW_ACCOUNT] = "newAccount",
    [FC_FAULT_AT_NEW_ORDER] = "newOrder",
    [FC_FAULT_AT_NEW_AUTHZ] = "newAuthz",
    [FC_FAULT_AT_REVOKE_CERT] = "revokeCert",
    [FC_FAULT_AT_KEY_CHANGE] = "keyChange",
    [FC_FAULT_AT_RENEWAL_INFO] = "renewalInfo",
    [FC_FAULT_AT_ACCOUNT] = "account",
    [FC_FAULT_AT_ORDERS] = "orders",
    [FC_FAULT_AT_ORDER] = "order",
    [FC_FAULT_AT_AUTHZ] = "authorization",
    [FC_FAULT_AT_CHALLENGE] = "challenge",
    [FC_FAULT_AT_FINALIZE] = "finalize",
    [FC_FAULT_AT_CERT] = "certificate",
};

const struct fc_fault_row *fc_fault_kind_row(enum fc_fault_kind kind)
{
    return &rows[kind];
}

const char *fc_fault_kind_name(enum fc_fault_kind kind)
{
    return rows[kind].name;
}

const char *fc_fault_kind_help(enum fc_fault_kind kind)
{
    return rows[kind].help;
}

const char *fc_fault_kind_needs(enum fc_fault_kind kind)
{
    return rows[kind].needs;
}

const char *fc_fault_kind_may(enum fc_fault_kind kind)
{
    return rows[kind].may;
}

const char *fc_fault_endpoint_name(enum fc_fault_endpoint endpoint)
{
    return endpoints[endpoint];
}

const char *const *fc_fault_endpoint_names(void)
{
    return endpoints + 1;
}

bool fc_fault_listed(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; *at; at += *at == ',') {
        size_t item = strcspn(at, ",");
        if (item == len && strncmp(at, word, len) == 0)
            return true;
        at += item;
    }
    return false;
}

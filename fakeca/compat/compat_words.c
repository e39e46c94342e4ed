/* Answers in Pebble's words: suites compare them, where clients must not. */
#include "compat/compat_int.h"

#include <string.h>

#include "base/base_rand.h"
#include "base/base_text.h"

#define PROBLEM "urn:ietf:params:acme:error:"
#define CAPTURES_MAX 2
#define DNS_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-*"

/* `ours` with * for what differs; in `theirs` $1 and $2 are those, $0 is all of ours, $c the first character of $1 that no name has. */
struct row {
    const char *ours, *theirs;
    const char *type; /* NULL: as it is */
    int status;       /* 0: as it is */
};

#define NAME "Invalid identifiers requested :: Cannot issue for \"*\": "
#define CONTACT "Error validating contact(s) :: "
#define EXTERNAL "Unable to verify external account binding :: "

static const struct row problems[] = {
    {"must agree to terms of service", "Provided account did not agree to the terms of service", NULL, 0},
    {"No account exists with the provided key", "unable to find existing account for only-return-existing request",
     NULL, 0},
    {CONTACT "too many contacts provided: *", "too many contacts provided: $1", NULL, 0},
    {"Unable to validate JWS :: Account is not valid, has status \"deactivated\"", "Account has been deactivated", NULL,
     0},
    {"Unable to validate JWS :: Account \"*\" not found", "Account $1 not found.", NULL, 0},
    {"Unable to validate JWS :: JWS header parameter 'url' incorrect. Expected \"*\" got \"*\"",
     "JWS header parameter 'url' incorrect. Expected \"$1\", got \"$2\"", NULL, 0},
    {"Unable to validate JWS :: jwk and kid header fields are mutually exclusive",
     "jwk and kid header fields are mutually exclusive.", NULL, 0},
    {"Unable to validate JWS :: Inner JWS does not contain old key field matching current account key",
     "Key roll-over inner JWS body JSON contains wrong old key", NULL, 0},
    {"Unable to validate JWS :: *", "$1", NULL, 0},
    {"New key specified by rollover request is the same as the old key", "New and old key are identical", NULL, 0},
    {EXTERNAL "its key is not known", "the field 'kid' references a key that is not known to the ACME server", NULL, 0},
    {EXTERNAL "its signature is wrong", "external account binding JWS verification error: the signature is wrong", NULL,
     0},
    {EXTERNAL "its algorithm is none of HS256, HS384 and HS512",
     "the 'alg' field is not valid for external account binding, valid values are: HS256, HS384 or HS512",
     PROBLEM "badPublicKey", 0},
    {"NewOrder request did not specify any identifiers", "Order did not specify any identifiers", NULL, 0},
    {"NewOrder request included unsupported identifier: type \"*\", value \"*\"",
     "Order includes unknown identifier type $1", PROBLEM "malformed", 0},
    {NAME "Domain name contains an invalid character*",
     "Order included DNS identifier with a value containing an illegal character: '$c'", NULL, 0},
    {NAME "Domain name has more than one wildcard*",
     "Order included DNS type identifier with illegal wildcard value: too many wildcards \"$1\"", NULL, 0},
    {NAME "Domain name contains an invalid wildcard*",
     "Order included DNS type identifier with illegal wildcard value: wildcard isn't leftmost prefix \"$1\"", NULL, 0},
    {NAME "Domain name ends in a dot*", "Order included a DNS identifier with a value ending in a period: \"$1\"", NULL,
     0},
    {NAME "Domain name is longer than 253 bytes*", "Order included DNS identifier that was longer than 253 characters",
     NULL, 0},
    {NAME "Identifier type is DNS but value is an IP address*",
     "Order included a DNS identifier with an IP address value: \"$1\"", NULL, 0},
    {NAME "IP address is invalid*", "Order included malformed IP type identifier value: \"$1\"", NULL, 0},
    {"Error creating new order :: Cannot issue for \"*\": The ACME server refuses to issue *",
     "Order included an identifier for which issuance is forbidden by policy: \"$1\"", NULL, 0},
    {"Order's status (\"*\") is not acceptable for finalization", "Order's status (\"$1\") was not ready", NULL, 0},
    {"Unable to update challenge :: authorization must be pending", "Cannot update challenge that is not pending: $0",
     NULL, 0},
    {"Error unmarshaling finalize order request", "Error decoding Base64url-encoded CSR: it is none", NULL, 0},
    {"Error parsing certificate request: *", "Error parsing Base64url-encoded CSR: $1", NULL, 0},
    {"Error finalizing order :: certificate public key must be different than account key",
     "CSR contains a public key for a known account", PROBLEM "badCSR", 0},
    {"Unable to revoke :: Unable to parse certificate DER", "Unable to find specified certificate.", NULL, 0},
    {"Unable to revoke :: Certificate from unrecognized issuer", "Unable to find specified certificate.", NULL, 400},
    {"Unable to revoke :: disallowed revocation reason: *", "Invalid revocation reason: $1", NULL, 0},
    {"Unable to revoke :: requester does not control *",
     "The certificate being revoked is not associated with this account: it does not control $1", NULL, 0},
    {"Unable to revoke :: no certificate with serial * and status other than revoked",
     "Certificate has already been revoked.", NULL, 0},
};

/* Of validations: Pebble's words and what we know beyond them. It has neither `dns` nor `tls`. */
static const struct verdict {
    const char *challenge, *type, *theirs_type;
    int status;
    struct row row;
} verdicts[] = {
    {"http-01", "dns", "connection", 0, {"*", "could not resolve URL: $0", NULL, 0}},
    {"http-01", "tls", "connection", 0, {"*", "$0", NULL, 0}},
    {"dns-01", "dns", "unauthorized", 403, {"*", "Error retrieving TXT records for DNS challenge: $0", NULL, 0}},
    {"dns-01",
     "unauthorized",
     "unauthorized",
     0,
     {"No TXT record found*", "No TXT records found for DNS challenge: $0", NULL, 0}},
    {"dns-01", "unauthorized", "unauthorized", 0, {"*", "Correct value not found for DNS challenge: $0", NULL, 0}},
    {"tls-alpn-01", "dns", "malformed", 0, {"*", "Could not resolve URL: $0", NULL, 0}},
    {"tls-alpn-01", "tls", "unauthorized", 403, {"*", "Failed to connect for the tls-alpn-01 challenge: $0", NULL, 0}},
    {"tls-alpn-01",
     "connection",
     "unauthorized",
     403,
     {"*", "Failed to connect for the tls-alpn-01 challenge: $0", NULL, 0}},
};

/* ---- one text ---- */

struct capture {
    const char *at;
    size_t len;
};

/* Whether the text fits, with what its stars stand for: each as little as it can, the last one at the end all of the rest. */
static bool fits(const char *pattern, const char *text, struct capture captures[CAPTURES_MAX])
{
    size_t count = 0;

    for (;;) {
        const char *star = strchr(pattern, '*');
        size_t len = star ? (size_t)(star - pattern) : strlen(pattern);
        if (strncmp(text, pattern, len) != 0 || (!star && text[len]))
            return false;
        if (!star)
            return true;
        text += len;
        pattern = star + 1;
        const char *next = strchr(pattern, '*');
        fc_auto_free char *literal = next ? fc_asprintf("%.*s", (int)(next - pattern), pattern) : fc_strdup(pattern);
        const char *end = *literal ? strstr(text, literal) : text + strlen(text);
        if (!end)
            return false;
        if (count < CAPTURES_MAX)
            captures[count++] = (struct capture){text, (size_t)(end - text)};
        text = end;
    }
}

/* The first character that Pebble lets no name have, as Go quotes a byte. */
static const char *illegal(struct fc_arena *arena, const struct capture *name)
{
    size_t at = strspn(name->at, DNS_CHARACTERS);
    unsigned char c = (unsigned char)name->at[at];

    if (at >= name->len)
        return "";
    return c < 0x80 ? fc_arena_printf(arena, "%c", c) : fc_arena_printf(arena, "\\u%04x", c);
}

static const char *expand(struct fc_arena *arena, const char *theirs, const char *ours, const struct capture *captures)
{
    const char *made = "";

    for (const char *dollar; (dollar = strchr(theirs, '$')) != NULL; theirs = dollar + 2) {
        const struct capture whole = {ours, strlen(ours)};
        const struct capture *put = dollar[1] == '0' ? &whole : &captures[dollar[1] == '2'];
        made = fc_arena_printf(arena, "%s%.*s", made, (int)(dollar - theirs), theirs);
        made = dollar[1] == 'c' ? fc_arena_printf(arena, "%s%s", made, illegal(arena, &captures[0]))
                                : fc_arena_printf(arena, "%s%.*s", made, (int)put->len, put->at);
    }
    return fc_arena_printf(arena, "%s%s", made, theirs);
}

/* ---- one problem ---- */

static void set_text(json_t *problem, const char *name, const char *text)
{
    json_object_set_new(problem, name, json_string(text));
}

static bool apply(struct fc_arena *arena, json_t *problem, const struct row *row)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    struct capture captures[CAPTURES_MAX] = {{"", 0}, {"", 0}};

    if (!detail || !fits(row->ours, detail, captures))
        return false;
    set_text(problem, "detail", expand(arena, row->theirs, detail, captures));
    if (row->type)
        set_text(problem, "type", row->type);
    if (row->status)
        json_object_set_new(problem, "status", json_integer(row->status));
    return true;
}

static void reword_verdict(struct fc_arena *arena, json_t *challenge)
{
    const char *kind = json_string_value(json_object_get(challenge, "type"));
    json_t *error = json_object_get(challenge, "error");
    const char *type = json_string_value(json_object_get(error, "type"));

    if (!kind || !type || !fc_text_starts(type, PROBLEM))
        return;
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        const struct verdict *verdict = &verdicts[i];
        if (strcmp(verdict->challenge, kind) != 0 || strcmp(verdict->type, type + strlen(PROBLEM)) != 0 ||
            !apply(arena, error, &verdict->row))
            continue;
        set_text(error, "type", fc_arena_printf(arena, PROBLEM "%s", verdict->theirs_type));
        if (verdict->status)
            json_object_set_new(error, "status", json_integer(verdict->status));
        return;
    }
}

/* ---- the answer ---- */

static void shuffle(json_t *list, size_t count)
{
    for (size_t left = count; left > 1; left--) {
        size_t other = (size_t)fc_rand_below((uint32_t)left);
        json_t *moved = json_incref(json_array_get(list, other));
        json_array_set(list, other, json_array_get(list, left - 1));
        json_array_set_new(list, left - 1, moved);
    }
}

static void shuffle_all(json_t *list)
{
    shuffle(list, json_array_size(list));
}

/* One without a token stays the last: uacme 1.7 stops at it, when it comes before the one that it answers. */
static void shuffle_challenges(json_t *challenges)
{
    size_t count = json_array_size(challenges), i;
    json_t *challenge;

    json_array_foreach(challenges, i, challenge)
    {
        if (json_object_get(challenge, "token"))
            continue;
        json_array_append(challenges, challenge);
        json_array_remove(challenges, i);
        count--;
        break;
    }
    shuffle(challenges, count);
}

int fc_compat_words_answer(struct fc_arena *arena, json_t *answer)
{
    size_t i;
    json_t *challenge, *challenges = json_object_get(answer, "challenges");

    for (i = 0; i < sizeof problems / sizeof *problems; i++)
        if (apply(arena, answer, &problems[i]))
            break;
    reword_verdict(arena, answer);
    json_array_foreach(challenges, i, challenge) reword_verdict(arena, challenge);
    shuffle_challenges(challenges);
    shuffle_all(json_object_get(answer, "identifiers"));
    shuffle_all(json_object_get(answer, "authorizations"));
    return (int)json_integer_value(json_object_get(answer, "status"));
}

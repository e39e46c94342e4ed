/* Account keys, built once (performance.md part 7): a bounded cache of accounts that are ready to verify with. */
#include "acme/acme_int.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_json.h"

#include "store/store_account.h"

/* Ids are given in sequence, so a slot each for the newest accounts; two that share a slot take turns. */
#define SLOTS 4096

struct fc_acme_keys {
    pthread_mutex_t lock;
    uint64_t generation; /* grows with each forget: what was read before one must not be kept after it */
    struct fc_acme_signer *slots[SLOTS];
};

struct fc_acme_keys *fc_acme_keys_new(void)
{
    struct fc_acme_keys *keys = fc_calloc(1, sizeof *keys);

    pthread_mutex_init(&keys->lock, NULL);
    return keys;
}

void fc_acme_keys_release(struct fc_acme_signer *signer)
{
    if (!signer || atomic_fetch_sub_explicit(&signer->refs, 1, memory_order_acq_rel) > 1)
        return;
    fc_key_free(signer->key);
    free((void *)(uintptr_t)signer->account.jwk);
    free((void *)(uintptr_t)signer->account.thumbprint);
    free((void *)(uintptr_t)signer->account.contact);
    free((void *)(uintptr_t)signer->account.terms);
    free((void *)(uintptr_t)signer->account.external);
    free(signer);
}

static struct fc_acme_signer *keep(struct fc_acme_signer *signer)
{
    atomic_fetch_add_explicit(&signer->refs, 1, memory_order_relaxed);
    return signer;
}

void fc_acme_keys_free(struct fc_acme_keys *keys)
{
    if (!keys)
        return;
    for (size_t i = 0; i < SLOTS; i++)
        fc_acme_keys_release(keys->slots[i]);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

void fc_acme_keys_forget(struct fc_acme_keys *keys, int64_t account_id)
{
    size_t from = account_id ? (size_t)account_id % SLOTS : 0;
    size_t to = account_id ? from + 1 : SLOTS;

    pthread_mutex_lock(&keys->lock);
    keys->generation++;
    for (size_t i = from; i < to; i++)
        fc_acme_keys_release(FC_TAKE(keys->slots[i]));
    pthread_mutex_unlock(&keys->lock);
}

static struct fc_acme_signer *find(struct fc_acme_keys *keys, int64_t account_id, uint64_t *ret_generation)
{
    pthread_mutex_lock(&keys->lock);
    struct fc_acme_signer *signer = keys->slots[(size_t)account_id % SLOTS];
    signer = signer && signer->account.id == account_id ? keep(signer) : NULL;
    *ret_generation = keys->generation;
    pthread_mutex_unlock(&keys->lock);
    return signer;
}

static void put(struct fc_acme_keys *keys, struct fc_acme_signer *signer, uint64_t generation)
{
    pthread_mutex_lock(&keys->lock);
    if (keys->generation == generation) {
        struct fc_acme_signer **slot = &keys->slots[(size_t)signer->account.id % SLOTS];
        fc_acme_keys_release(*slot);
        *slot = keep(signer);
    }
    pthread_mutex_unlock(&keys->lock);
}

static int read_account(struct fc_acme *acme, struct fc_arena *arena, int64_t id, struct fc_account *ret_account,
                        struct fc_err *err)
{
    struct fc_store_tx tx fc_auto_tx = {0};

    if (fc_store_begin(acme->p.store, FC_STORE_READ, &tx, err) ||
        fc_store_account_get(acme->p.store, arena, id, ret_account, err))
        return -1;
    if (strcmp(ret_account->env, acme->p.policy->name) != 0)
        return fc_err_set(err, FC_E_NOT_FOUND, "no such account");
    return 0;
}

static const char *copy(const char *text)
{
    return text ? fc_strdup(text) : NULL;
}

static int build(struct fc_acme *acme, const struct fc_account *account, struct fc_acme_signer **ret_signer,
                 struct fc_err *err)
{
    fc_auto_json jwk = NULL;
    struct fc_key *key;

    if (fc_json_parse(account->jwk, strlen(account->jwk), &jwk, err) || fc_key_from_jwk(jwk, &key, err))
        return fc_err_prefix(err, "key of account %" PRId64, account->id);
    struct fc_acme_signer *signer = fc_calloc(1, sizeof *signer);
    atomic_init(&signer->refs, 1);
    signer->account = *account;
    signer->account.env = acme->p.policy->name;
    signer->account.jwk = fc_strdup(account->jwk);
    signer->account.thumbprint = fc_strdup(account->thumbprint);
    signer->account.contact = copy(account->contact);
    signer->account.terms = copy(account->terms);
    signer->account.external = copy(account->external);
    signer->key = key;
    fc_key_spki_hash(key, signer->spki);
    *ret_signer = signer;
    return 0;
}

int fc_acme_keys_get(struct fc_acme *acme, int64_t account_id, struct fc_acme_signer **ret_signer, struct fc_err *err)
{
    fc_auto(fc_arena_free) struct fc_arena *arena = NULL;
    struct fc_account account;
    uint64_t generation;

    *ret_signer = find(acme->keys, account_id, &generation);
    if (*ret_signer)
        return 0;
    arena = fc_arena_new();
    if (read_account(acme, arena, account_id, &account, err) || build(acme, &account, ret_signer, err))
        return -1;
    put(acme->keys, *ret_signer, generation);
    return 0;
}

const char *fc_acme_keys_text(struct fc_arena *arena, const struct fc_key *key)
{
    switch (fc_key_type(key)) {
    case FC_KEY_P256:
        return "P-256";
    case FC_KEY_P384:
        return "P-384";
    case FC_KEY_P521:
        return "P-521";
    case FC_KEY_RSA:
        return fc_arena_printf(arena, "RSA-%d", fc_key_bits(key));
    case FC_KEY_OTHER:
        break;
    }
    return "other";
}

#include "hasher.h"

#include <stdlib.h>

bool hashers_init(struct hashers *hashers, unsigned count)
{
    *hashers = (struct hashers){.digest = EVP_MD_fetch(NULL, "SHA256", NULL)};
    gate_init(&hashers->gate, count);
    pthread_mutex_init(&hashers->lock, NULL);
    return hashers->digest != NULL && EVP_MD_get_size(hashers->digest) == HASHER_DIGEST_SIZE;
}

void hashers_fini(struct hashers *hashers)
{
    while (hashers->idle != NULL) {
        struct hasher *hasher = hashers->idle;
        hashers->idle = hasher->next;
        EVP_MD_CTX_free(hasher->context);
        text_fini(&hasher->line);
        free(hasher);
    }
    pthread_mutex_destroy(&hashers->lock);
    gate_fini(&hashers->gate);
    EVP_MD_free(hashers->digest);
}

/* The context starts with the digest set, so that hasher_begin need not look it up again. */
static struct hasher *make_hasher(struct hashers *hashers)
{
    struct hasher *hasher = need_memory(sizeof *hasher);
    hasher->next = NULL;
    hasher->line = (struct text){0};
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context != NULL)
        EVP_DigestInit_ex2(hasher->context, hashers->digest, NULL);
    return hasher;
}

struct hasher *hashers_take(struct hashers *hashers)
{
    gate_acquire(&hashers->gate, 1);
    pthread_mutex_lock(&hashers->lock);
    struct hasher *hasher = hashers->idle;
    if (hasher != NULL)
        hashers->idle = hasher->next;
    pthread_mutex_unlock(&hashers->lock);
    return hasher != NULL ? hasher : make_hasher(hashers);
}

void hashers_give(struct hashers *hashers, struct hasher *hasher)
{
    pthread_mutex_lock(&hashers->lock);
    hasher->next = hashers->idle;
    hashers->idle = hasher;
    pthread_mutex_unlock(&hashers->lock);
    gate_release(&hashers->gate, 1);
}

bool hasher_begin(struct hasher *hasher)
{
    return hasher->context != NULL && EVP_DigestInit_ex2(hasher->context, NULL, NULL) == 1;
}

bool hasher_add(struct hasher *hasher, size_t size)
{
    return EVP_DigestUpdate(hasher->context, hasher->buffer, size) == 1;
}

bool hasher_end(struct hasher *hasher, unsigned char digest[HASHER_DIGEST_SIZE])
{
    return EVP_DigestFinal_ex(hasher->context, digest, NULL) == 1;
}

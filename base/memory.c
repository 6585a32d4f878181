#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

void *pawl__memory_alloc(const struct pawl_allocator *allocator, size_t size, size_t alignment)
{
    void *memory;
    if (allocator->alloc != NULL)
        memory = allocator->alloc(allocator->context, size, alignment);
    else
        memory = aligned_alloc(alignment, round_up(size, alignment));
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

void pawl__memory_free(const struct pawl_allocator *allocator, void *memory, size_t size, size_t alignment)
{
    if (memory == NULL)
        return;
    if (allocator->free != NULL)
        allocator->free(allocator->context, memory, size, alignment);
    else
        free(memory);
}

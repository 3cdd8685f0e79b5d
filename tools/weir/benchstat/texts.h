/* texts: texts without repetition; a text's index is its place in the order of first appearance. */
#ifndef WEIR_TOOLS_BENCHSTAT_TEXTS_H
#define WEIR_TOOLS_BENCHSTAT_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct texts {
    char **items;
    size_t count;
    /* Indices + 1, by hash, open addressing (Knuth, 6.4); 0: free. At most half of them are used. */
    size_t *slots;
    size_t slot_count;
};

/* Its index; it is added if it is not there. */
size_t texts_add(struct texts *texts, const char *text, size_t length);
/* False: it is not there. */
bool texts_find(const struct texts *texts, const char *text, size_t *index);

#endif

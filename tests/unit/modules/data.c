/* data: a library with much writable data, to be opened and closed. */
#include <stddef.h>

enum { WORDS = 1 << 17 };

void **data_words(size_t *count);

void **data_words(size_t *count)
{
    static void *words[WORDS];
    *count = WORDS;
    return words;
}

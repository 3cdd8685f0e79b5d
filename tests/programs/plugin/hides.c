/* hides: a library whose blocks only other blocks of it know, and only in disguise. Each also knows a plain
 * block. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 2000 };

struct hidden {
    uintptr_t next; /* its complement */
    int number;
    char *plain;
    char filling[40];
};

static uintptr_t first;

int hides_fill(void)
{
    for (int i = 0; i < COUNT; i++) {
        struct hidden *hidden = malloc(sizeof *hidden);
        hidden->next = first;
        hidden->number = i;
        hidden->plain = strdup("known to a hidden block");
        first = ~(uintptr_t)hidden;
    }
    return COUNT;
}

/* -1: the contents have changed. */
int hides_count(void)
{
    int count = 0;
    for (uintptr_t at = first; at; count++) {
        struct hidden *hidden = (struct hidden *)~at;
        if (hidden->number != COUNT - 1 - count || strcmp(hidden->plain, "known to a hidden block") != 0)
            return -1;
        at = hidden->next;
    }
    return count;
}

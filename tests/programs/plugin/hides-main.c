/* hides-main: has a library hide its blocks (hides.c), allocates much and forgets it, and checks which blocks
 * are left: those of the library, and a small one that only a large one knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hides_fill(void), hides_count(void);

static char **volatile large;

__attribute__((noinline)) static void know_small(void)
{
    large = malloc(100000);
    large[0] = strcpy(malloc(300), "small");
}

int main(void)
{
    int filled = hides_fill();
    know_small();
    for (int i = 0; i < 100000; i++)
        memset(malloc(100), 'x', 100);
    for (int i = 0; i < 2000; i++)
        memset(malloc(300), 'x', 300);
    printf("%s %s\n", hides_count() == filled ? "hidden" : "-",
           strcmp(large[0], "small") == 0 ? "small" : "-");
}

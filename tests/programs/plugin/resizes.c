/* resizes: has blocks resized to sizes that fall under another rule but need no new cell, allocates many
 * others and forgets them, and checks which are left: one of 3060 bytes whose address it hides, and one that
 * only a block of 60000 bytes knows, which had 100000. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uintptr_t hidden; /* the complement */
static char **volatile shrunk;

__attribute__((noinline)) static void hide(void)
{
    hidden = ~(uintptr_t)strcpy(realloc(malloc(3000), 3060), "hidden");
}

__attribute__((noinline)) static void know_small(void)
{
    shrunk = realloc(malloc(100000), 60000);
    shrunk[0] = strcpy(malloc(300), "small");
}

int main(void)
{
    hide();
    know_small();
    for (int i = 0; i < 20000; i++) {
        memset(malloc(300), 'x', 300);
        memset(malloc(3000), 'x', 3000);
    }
    printf("%s %s\n", strcmp((char *)~hidden, "hidden") == 0 ? "hidden" : "-",
           strcmp(shrunk[0], "small") == 0 ? "small" : "-");
}

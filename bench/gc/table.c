// table: a static array of 200 MiB of pointers, the only roots to as many small objects. An operation replaces one of
// these, and makes some garbage beside. A program of its own: the collector scans the array whatever else there is.
// table.go is the same in Go.
#include "node.h"
#include "speed.h"

enum { TABLE = 200 << 20 >> 3 };

static struct node *table[TABLE];

static void operate(void *context, random_state *random)
{
    size_t i = random_below(random, *(const size_t *)context);
    struct node *old = table[i];
    node_check(old, i);
    table[i] = node_new(NULL, i);
    memory_free(old);
    node_garbage();
}

int main(int argc, char **argv)
{
    enum { USED, SECONDS, ARGUMENTS };
    struct argument arguments[ARGUMENTS] = {
        [USED] = {"used", sizeof table, "bytes of the array that hold pointers"},
        [SECONDS] = {"seconds", 12, "to replace objects for"},
    };
    arguments_parse(argc, argv, arguments, ARGUMENTS);
    size_t used = arguments[USED].value / sizeof *table;
    if (used < 1 || used > TABLE)
        fail("used=8…200M");
    memory_start();
    cycles_watch();
    for (size_t i = 0; i < used; i++)
        table[i] = node_new(NULL, i);
    speed_run("table-" MEMORY_NAME, (double)arguments[SECONDS].value, operate, &used);
    return 0;
}

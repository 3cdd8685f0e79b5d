/* sparse: see sparse.h. */
#include "runtime/collect/sparse.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/os/spin.h"
#include "runtime/os/written.h"

enum { PIECE = 16 << 20 /* bytes */, RUNS = 48 };

typedef struct runs {
    struct {
        uintptr_t from, to;
    } at[RUNS];
    uint32_t count;
} runs_t;

static spin_t lock;    /* one asks at a time */
static runs_t *asking; /* under the lock: whose the runs are */

void sparse_clear(void)
{
    spin_release(&lock);
}

static void add_run(uintptr_t from, uintptr_t to)
{
    runs_t *runs = asking;
    if (runs->count == RUNS) {
        runs->at[RUNS - 1].to = to;
        return;
    }
    runs->at[runs->count].from = from;
    runs->at[runs->count++].to = to;
}

static bool ask(uintptr_t from, uintptr_t to, runs_t *runs)
{
    runs->count = 0;
    spin_acquire(&lock);
    asking = runs;
    bool known = written_each_run(from, to, add_run);
    spin_release(&lock);
    return known;
}

/* False: it is not known. */
static bool each_of_piece(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context)
{
    runs_t runs;
    bool known = ask(from, to, &runs);
    for (uint32_t i = 0; known && i < runs.count; i++)
        visit(context, runs.at[i].from, runs.at[i].to);
    memset(&runs, 0, sizeof runs); /* addresses left on the stack would keep the object */
    __asm__ volatile("" : : "r"(&runs) : "memory");
    return known;
}

void sparse_each(uintptr_t from, uintptr_t to, sparse_visit *visit, void *context)
{
    for (uintptr_t end; from < to; from = end) {
        end = to - from > PIECE ? from + PIECE : to;
        if (!each_of_piece(from, end, visit, context)) {
            visit(context, from, to);
            return;
        }
    }
}

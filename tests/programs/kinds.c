/* Memory of all kinds, in a steady turn-over, until a file of the name "stop" is there: blocks of malloc that
 * grow and shrink in number, collected objects of which a part stays, and a pool.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <weir.h>

enum { BLOCKS = 4000, KEPT = 20000, ROUND = 1000 };

static char *blocks[BLOCKS];
static void *kept[KEPT]; /* the collector sees it: static data */

static void *new_buffer(void *context)
{
    (void)context;
    return weir_malloc(4096);
}

int main(void)
{
    weir_pool *pool = weir_pool_new(&(weir_pool_options){.new_object = new_buffer, .name = "buffers"});
    for (unsigned round = 0; access("stop", F_OK) != 0; round++) {
        for (int i = 0; i < ROUND; i++) {
            unsigned at = rand() % BLOCKS;
            free(blocks[at]);
            blocks[at] = round / 1000 % 2 ? NULL : malloc(1 + rand() % 8000);
            kept[rand() % KEPT] = weir_gc_alloc(1 + rand() % 500);
        }
        void *some[16];
        for (int i = 0; i < 16; i++)
            some[i] = weir_pool_get(pool);
        for (int i = 0; i < 16; i++)
            weir_pool_put(pool, some[i]);
        usleep(5000);
    }
    weir_pool_free(pool);
}

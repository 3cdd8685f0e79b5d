/* A pool is filled to 500 MiB and left idle, while the program goes on with small work that makes the heap
 * grow; then filled again, and a soft limit set. Prints what is held, step by step, for idle-picture.gp:
 *
 *   step   MiB held by the pool   MiB held from the kernel   cycles so far
 */
#include <stdio.h>
#include <string.h>

#include <weir.h>

enum { OBJECT = 1 << 20, OBJECTS = 500, MIB = 1 << 20 };

static void *object_new(void *ctx)
{
    (void)ctx;
    void *p = weir_malloc(OBJECT);
    return p ? memset(p, 1, OBJECT) : NULL;
}

static weir_pool *pool;
static int step;

static void print(void)
{
    weir_pool_stats stats;
    weir_mem_stats memory;
    weir_read_pool_stats(pool, &stats);
    weir_read_mem_stats(&memory);
    printf("%d\t%.1f\t%.1f\t%lu\n", step++, (double)stats.bytes_held / MIB,
           (double)(memory.sys - memory.heap_released) / MIB, (unsigned long)stats.cycles);
}

static void fill(void)
{
    static void *held[OBJECTS];
    for (int i = 0; i < OBJECTS; i++) {
        held[i] = weir_pool_get(pool);
        if (i % 50 == 0)
            print();
    }
    for (int i = 0; i < OBJECTS; i++)
        weir_pool_put(pool, held[i]);
}

/* Grow by so many MiB in use, 20 at a time, and shrink again: this is what begins cycles. */
static void breathe(int growth)
{
    static void *blocks[100];
    for (int i = 0; i < growth / 20; i++) {
        blocks[i] = weir_malloc(20 * MIB);
        print();
    }
    for (int i = 0; i < growth / 20; i++)
        weir_free(blocks[i]);
}

int main(void)
{
    pool = weir_pool_new(&(weir_pool_options){.new_object = object_new, .name = "idle"});
    fill();
    for (int i = 0; i < 3; i++)
        breathe(640);
    fill();
    for (int i = 0; i < 10; i++)
        print();
    weir_set_memory_limit((int64_t)128 * MIB);
    for (int i = 0; i < 10; i++)
        print();
    weir_pool_free(pool);
}

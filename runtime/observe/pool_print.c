/* pool_print: see pool_print.h. Pools are read by the public function weir_pool_each. */
#include "runtime/observe/pool_print.h"

#include <string.h>

#include <weir/pool.h>

enum { LONGEST = 512 }; /* of one pool's text: a name and nine numbers at their largest */

struct output {
    text_t *text;
    int fd;
    bool is_first;
    void (*add)(struct output *output, const weir_pool_stats *stats);
};

/* A pool that was never used is left out. */
static bool visit(void *context, const weir_pool_stats *stats, size_t size)
{
    struct output *output = context;
    (void)size;
    if (stats->gets == 0 && stats->puts == 0)
        return true;
    text_make_room(output->text, LONGEST, output->fd);
    output->add(output, stats);
    return true;
}

static void add_line(struct output *output, const weir_pool_stats *stats)
{
    text_t *text = output->text;
    text_add_str(text, "  pool ");
    if (stats->name[0])
        text_add_quoted(text, stats->name, strlen(stats->name));
    else
        text_add_str(text, "without a name");
    text_add_count(text, ": ", stats->gets);
    text_add_count(text, " gets, ", stats->hits);
    text_add_count(text, " of them hits; ", stats->puts);
    text_add_count(text, " puts, ", stats->drops);
    text_add_count(text, " dropped; holds ", stats->held);
    text_add_str(text, " objects, ");
    text_add_bytes(text, stats->bytes_held);
    text_add_char(text, '\n');
}

static void add_element(struct output *output, const weir_pool_stats *stats)
{
    text_t *text = output->text;
    text_add_str(text, output->is_first ? "{\"name\": " : ", {\"name\": ");
    output->is_first = false;
    text_add_json_string(text, stats->name);
    text_add_count(text, ", \"gets\": ", stats->gets);
    text_add_count(text, ", \"hits\": ", stats->hits);
    text_add_count(text, ", \"misses\": ", stats->misses);
    text_add_count(text, ", \"steals\": ", stats->steals);
    text_add_count(text, ", \"puts\": ", stats->puts);
    text_add_count(text, ", \"drops\": ", stats->drops);
    text_add_count(text, ", \"held\": ", stats->held);
    text_add_count(text, ", \"bytes_held\": ", stats->bytes_held);
    text_add_count(text, ", \"cycles\": ", stats->cycles);
    text_add_char(text, '}');
}

void pool_print_lines(text_t *text, int fd)
{
    weir_pool_each(visit, &(struct output){text, fd, true, add_line});
}

void pool_print_json(text_t *text, int fd)
{
    weir_pool_each(visit, &(struct output){text, fd, true, add_element});
}

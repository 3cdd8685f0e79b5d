/* What a program outside does with weir: valid C and valid C++, warnings are errors. */
#include <weir.h>

#include <stdio.h>
#include <string.h>

static int consume(void)
{
    char *text = (char *)weir_malloc(100);
    if (text == NULL || weir_usable_size(text) < 100)
        return 1;
    strcpy(text, "weir");
    text = (char *)weir_realloc(text, 1 << 20);
    if (text == NULL || strcmp(text, "weir") != 0)
        return 1;
    weir_free(text);

    weir_mem_stats stats;
    memset(&stats, 0, sizeof stats);
    weir_read_mem_stats(&stats);
    if (stats.mallocs == 0 || weir_set_gc_percent(50) != 100)
        return 1;
    puts(weir_version());
    return 0;
}

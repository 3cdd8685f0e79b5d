/* account_print: see account_print.h. */
#include "runtime/observe/account_print.h"

#include <string.h>

#include "runtime/profile/budget.h"

enum { LONGEST = 512 }; /* of one account's text: a name and five numbers at their largest */

static void add_bytes(text_t *text, const char *before, uint64_t bytes)
{
    text_add_str(text, before);
    text_add_bytes(text, bytes);
}

static void add_account_line(text_t *text, const weir_account_stats *stats)
{
    text_add_str(text, "  budget ");
    text_add_quoted(text, stats->name, strlen(stats->name));
    add_bytes(text, ": holds ", stats->held);
    add_bytes(text, ", peak ", stats->peak);
    if (stats->limit != WEIR_NO_LIMIT)
        add_bytes(text, ", limit ", (uint64_t)stats->limit);
    text_add_str(text, " (refused ");
    text_add_u64(text, stats->refused);
    text_add_str(text, "); ");
    text_add_u64(text, stats->charged);
    text_add_str(text, " blocks ever\n");
}

void account_print_lines(text_t *text, int fd)
{
    weir_account_stats stats;
    for (const weir_account *account = NULL; (account = budget_next(account)) != NULL;) {
        text_make_room(text, LONGEST, fd);
        budget_read(account, &stats);
        add_account_line(text, &stats);
    }
}

static void add_account_element(text_t *text, const weir_account_stats *stats)
{
    text_add_str(text, "{\"name\": ");
    text_add_json_string(text, stats->name);
    if (stats->limit == WEIR_NO_LIMIT)
        text_add_str(text, ", \"limit\": null");
    else
        text_add_count(text, ", \"limit\": ", (uint64_t)stats->limit);
    text_add_count(text, ", \"held\": ", stats->held);
    text_add_count(text, ", \"peak\": ", stats->peak);
    text_add_count(text, ", \"charged\": ", stats->charged);
    text_add_count(text, ", \"refused\": ", stats->refused);
    text_add_char(text, '}');
}

void account_print_json(text_t *text, int fd)
{
    weir_account_stats stats;
    for (const weir_account *account = NULL; (account = budget_next(account)) != NULL;) {
        text_make_room(text, LONGEST, fd);
        if (budget_next(NULL) != account)
            text_add_str(text, ", ");
        budget_read(account, &stats);
        add_account_element(text, &stats);
    }
}

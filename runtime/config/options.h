/* options: what the environment asks of the runtime: variables that begin with WEIR_, and keys in WEIR_DEBUG.
 *
 * options.def is the one table; everything here is made from it. A bad value is reported in one line, and the
 * default kept. An unknown name is reported in the same way. Nothing allocates, and nothing needs libc to be
 * initialised: the first malloc of a process may well come before that.
 *
 * This folder: the options, from the environment: one table of them.
 */
#ifndef WEIR_CONFIG_OPTIONS_H
#define WEIR_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/text.h"

#define OPTIONS_DEBUG "WEIR_DEBUG" /* the variable of the keys */
#define OPTIONS_NO_LIMIT INT64_MAX
#define OPTIONS_OFF (-1) /* a percentage */

enum options_stats { OPTIONS_STATS_OFF, OPTIONS_STATS_TEXT, OPTIONS_STATS_JSON };
enum options_poolcheck { OPTIONS_POOLCHECK_AUTO, OPTIONS_POOLCHECK_OFF, OPTIONS_POOLCHECK_ON };
enum options_stop { OPTIONS_STOP_AUTO, OPTIONS_STOP_PTRACE, OPTIONS_STOP_SIGNAL };
enum options_scope { OPTIONS_SCOPE_PROCESS, OPTIONS_SCOPE_WEIR };
enum options_concurrent { OPTIONS_CONCURRENT_OFF, OPTIONS_CONCURRENT_ON, OPTIONS_CONCURRENT_ALWAYS };
enum options_young { OPTIONS_YOUNG_OFF, OPTIONS_YOUNG_ON, OPTIONS_YOUNG_ALWAYS };
enum options_onerror { OPTIONS_ONERROR_ABORT, OPTIONS_ONERROR_WARN };

#define RESERVED(name)

/* OPTIONS_gogc, OPTIONS_memlimit, …: the place of an option in the table. */
enum options_index {
#define VARIABLE(field, ...) OPTIONS_##field,
#define KEY(field, ...) OPTIONS_##field,
#include "runtime/config/options.def"
#undef VARIABLE
#undef KEY
    OPTIONS_COUNT
};

enum options_source { OPTIONS_FROM_DEFAULT, OPTIONS_FROM_ENVIRONMENT };

struct options {
    union {
        struct { /* options.gogc, …: limits may be OPTIONS_NO_LIMIT, a percentage OPTIONS_OFF */
#define VARIABLE(field, ...) int64_t field;
#define KEY(field, ...) int64_t field;
#include "runtime/config/options.def"
#undef VARIABLE
#undef KEY
        };
        int64_t values[OPTIONS_COUNT];
    };
    uint8_t sources[OPTIONS_COUNT]; /* enum options_source */
    uint8_t shares[OPTIONS_COUNT];  /* of a size given as a share of the available memory: percent; else 0 */
    uint64_t (*memory)(void);       /* bytes that this process may use, for "90%" and "auto" */
};

#undef RESERVED

/* The options in force: the defaults until options_load, then what the environment says. The start of the
 * heap settles `collect` and `leaks` (heap/thread.c); not written after that. */
extern struct options options;

/* Read the environment; once, before any other thread. A setuid program ignores it. */
void options_load(void);

/* --- The table --- */

enum options_kind {
    OPTIONS_PERCENT,
    OPTIONS_SIZE,
    OPTIONS_NUMBER,
    OPTIONS_RULES,
    OPTIONS_BUDGETS,
    OPTIONS_FILE,
    OPTIONS_CHOICE
};

struct options_row {
    const char *name; /* the variable, or the key in WEIR_DEBUG */
    bool is_key;
    enum options_kind kind;
    const char *words; /* of a choice: "abort|warn" */
    int64_t initial;
    const char *meaning;
};
extern const struct options_row options_table[OPTIONS_COUNT];

/* --- Parsing: functions of their arguments alone --- */

struct options_problem {
    const char *name; /* the variable with the problem; neither string is terminated */
    size_t name_length;
    const char *value; /* its value; for WEIR_DEBUG the one item */
    size_t length;
    const struct options_row *row; /* the option that rejects it; NULL: there is none of this name */
    int64_t kept;                  /* the value that stays in force */
    const char *detail;            /* what is wrong, if it is not the grammar; else NULL */
};

/* Set one option: `name` is a variable (not WEIR_DEBUG) or a key. An empty variable is the same as none.
 * False, and a problem, if there is no such option or it does not take the value; then nothing is changed. */
bool options_parse(struct options *into, const char *name, const char *value,
                   struct options_problem *problem);

/* Set what a list for WEIR_DEBUG says: "stats=1,onerror=warn"; a bare word is word=1; the last of equal keys
 * wins. Every problem is reported and the rest of the list still taken. */
void options_parse_debug(struct options *into, const char *list,
                         void (*report)(void *context, const struct options_problem *problem), void *context);

/* --- Printing --- */

/* A value in the words the parser takes. */
void options_add_value(text_t *text, const struct options_row *row, int64_t value);
/* What an option takes, short ("0|1|json") for the table, and as the end of "expected …" for messages. */
void options_add_grammar(text_t *text, const struct options_row *row);
void options_add_expected(text_t *text, const struct options_row *row);
/* The whole line: weir: WEIR_GOGC="x": expected a percentage or "off"; using 100 */
void options_add_problem(text_t *text, const struct options_problem *problem);

/* The aligned table of every option with value, source and meaning; or as JSON. */
void options_print(const struct options *from, int fd);
void options_print_json(const struct options *from, int fd);

#endif

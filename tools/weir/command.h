/* command: what the commands of `weir` share. Each is one file with one struct command; main.c lists them. */
#ifndef WEIR_TOOLS_COMMAND_H
#define WEIR_TOOLS_COMMAND_H

/* Exit statuses; those of `weir run` beside the program's own are env(1)'s and timeout(1)'s. */
enum {
    EXIT_USAGE = 2,         /* the command line makes no sense */
    EXIT_OWN_FAILURE = 125, /* weir itself could not go on */
    EXIT_CANNOT_RUN = 126,  /* the program was found and cannot be executed */
    EXIT_NOT_FOUND = 127,
};

struct command {
    const char *name;
    const char *usage;                       /* what stands behind the name */
    const char *summary;                     /* one line for `weir help` */
    const char *details;                     /* for `weir help NAME`, behind usage and summary */
    int (*run)(int count, char **arguments); /* arguments[0] is the name; returns the exit status */
    void (*print_options)(void);             /* more of the details, made from a table; may be NULL */
};

extern const struct command command_run, command_sweep, command_tune, command_top, command_ctl, command_bench,
    command_pins, command_why, command_metrics, command_env, command_report, command_layout, command_advise,
    command_benchstat, command_help;

extern const struct command *const commands[]; /* ends with NULL */
const struct command *command_find(const char *name);

/* One line on stderr, "weir NAME: …"; returns EXIT_USAGE. */
int command_bad_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void command_print_help(const struct command *command);

#endif

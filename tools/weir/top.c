/* weir top: the account of running processes, live. Once a second each is read from the page that it shares
 * (control/shared.h), or, if it shares none, asked at its socket (control/client.h). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/weir/benchstat/memory.h"
#include "tools/weir/command.h"
#include "tools/weir/control/client.h"
#include "tools/weir/control/rows.h"

static int print_once(const char *folder)
{
    rows_t rows = rows_read(folder);
    char line[256];
    rows_heading(line, sizeof line);
    puts(line);
    for (size_t i = 0; i < rows.count; i++) {
        rows_line(&rows.all[i], line, sizeof line);
        puts(line);
    }
    rows_free(&rows);
    return fflush(stdout) == 0 ? 0 : EXIT_OWN_FAILURE;
}

#ifdef WEIR_NCURSES
#include <ncurses.h>

struct screen {
    const char *folder;
    pid_t chosen;   /* a process, which stays chosen when others come and go */
    char said[128]; /* what the last key led to */
};

static size_t place_of(const struct screen *screen, const rows_t *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        if (rows->all[i].process == screen->chosen)
            return i;
    return 0;
}

static void draw(struct screen *screen, const rows_t *rows)
{
    char line[256];
    size_t chosen = place_of(screen, rows);
    erase();
    rows_heading(line, sizeof line);
    attron(A_BOLD);
    mvaddnstr(0, 0, line, COLS);
    attroff(A_BOLD);
    for (size_t i = 0; i < rows->count && (int)i < LINES - 3; i++) {
        rows_line(&rows->all[i], line, sizeof line);
        attrset(i == chosen ? A_REVERSE : A_NORMAL);
        mvaddnstr((int)i + 1, 0, line, COLS);
    }
    attrset(A_NORMAL);
    if (rows->count == 0)
        mvaddnstr(1, 0, "no process that was started with weir run --control", COLS);
    mvaddnstr(LINES - 2, 0, screen->said, COLS);
    mvaddnstr(LINES - 1, 0, "up, down: choose   + -: gogc   g: collect   f: give back   q: end", COLS);
    refresh();
}

static void post(struct screen *screen, const row_t *row, const char *target)
{
    char *body = NULL;
    int status = client_ask(screen->folder, row->process, "POST", target, &body);
    if (status == 0)
        snprintf(screen->said, sizeof screen->said, "%d: %s", (int)row->process, strerror(errno));
    else
        snprintf(screen->said, sizeof screen->said, "%d: %.100s", (int)row->process, body);
    screen->said[strcspn(screen->said, "\n")] = '\0';
    free(body);
}

/* One step doubles or halves the percentage. A step beyond 1600 sets it to off, and a step down from off sets
 * it to 1600. */
static void turn(struct screen *screen, const row_t *row, bool up)
{
    char target[64];
    uint64_t now = row->is_off ? 3200 : row->gogc, next = up ? now * 2 : now / 2;
    if (up && (row->is_off || next > 1600))
        snprintf(target, sizeof target, "/debug/tune?gogc=off");
    else
        snprintf(target, sizeof target, "/debug/tune?gogc=%ju", (uintmax_t)(next > 0 ? next : 1));
    post(screen, row, target);
}

/* False: end. */
static bool act(struct screen *screen, const rows_t *rows, int key)
{
    size_t at = place_of(screen, rows);
    if (key == 'q')
        return false;
    if (rows->count == 0)
        return true;
    if (key == KEY_DOWN || key == 'j')
        screen->chosen = rows->all[at + 1 < rows->count ? at + 1 : at].process;
    else if (key == KEY_UP || key == 'k')
        screen->chosen = rows->all[at > 0 ? at - 1 : 0].process;
    else if (key == 'g')
        post(screen, &rows->all[at], "/debug/gc");
    else if (key == 'f')
        post(screen, &rows->all[at], "/debug/free");
    else if (key == '+' || key == '=' || key == '-')
        turn(screen, &rows->all[at], key != '-');
    return true;
}

static int live(const char *folder, pid_t process)
{
    struct screen screen = {.folder = folder, .chosen = process};
    bool goes_on = true;
    initscr();
    cbreak();
    noecho();
    curs_set(0);
    keypad(stdscr, TRUE);
    timeout(1000);
    while (goes_on) {
        rows_t rows = rows_read(folder);
        draw(&screen, &rows);
        goes_on = act(&screen, &rows, getch());
        rows_free(&rows);
    }
    endwin();
    return 0;
}
#else
static int live(const char *folder, pid_t process)
{
    (void)process;
    fprintf(stderr, "weir top: built without ncurses: once, and not live\n");
    return print_once(folder);
}
#endif

static int run_top(int count, char **arguments)
{
    bool once = count > 1 && strcmp(arguments[1], "--once") == 0;
    pid_t process = count > 1 && !once ? client_process(arguments[1]) : 0;
    if (count > 2 || (count > 1 && !once && process == 0))
        return command_bad_usage(&command_top, "expected --once or the id of a process");
    const char *folder = client_folder("top");
    if (folder == NULL)
        return EXIT_OWN_FAILURE;
    return once || !isatty(STDOUT_FILENO) ? print_once(folder) : live(folder, process);
}

const struct command command_top = {
    .name = "top",
    .usage = "[--once | PID]",
    .summary = "Show the memory of running processes, and set their knobs",
    .details =
        "Shows the user's processes that were started with weir run --control. In a terminal the table is live,\n"
        "and keys act on the chosen process; otherwise, or with --once, the table is printed once.\n",
    .run = run_top,
};

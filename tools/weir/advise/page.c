/* page: see page.h. */
#include "tools/weir/advise/page.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tools/weir/advise/show.h"
#include "tools/weir/report/source.h"
#include "tools/weir/saturate.h"

enum { AROUND = 3 /* lines before and behind */ };

static void put_escaped(FILE *to, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
            fprintf(to, "&#%d;", *text);
        else
            putc(*text, to);
}

static void put_freed(FILE *to, char *text)
{
    put_escaped(to, text);
    free(text);
}

/* Writes nothing if the source cannot be read. */
static void put_source(FILE *to, const frame_t *frame)
{
    char *at = frame ? source_line(frame->file, frame->line) : NULL;
    if (!at)
        return;
    free(at);
    fputs("<p class=file>", to);
    put_escaped(to, frame->file);
    fputs("</p><pre>", to);
    for (int i = -AROUND; i <= AROUND; i++) {
        int line = line_of(to_unsigned((int64_t)frame->line + i));
        char *text = source_line(frame->file, line);
        if (!text)
            continue;
        fprintf(to, "%s%5d  ", line == frame->line ? "<b>" : "", line);
        put_freed(to, text);
        fputs(line == frame->line ? "</b>\n" : "\n", to);
    }
    fputs("</pre>", to);
}

static void put_page_row(FILE *to, const profile_t *profile, const proposal_t *proposal, bool is_exact)
{
    char room[32];
    fprintf(to,
            "<tr><td class=n>%s</td><td class=n>%" PRIu64
            "</td><td class=n>%.2f</td><td>%s</td><td><details><summary>",
            show_bytes(proposal->saved_bytes, room), proposal->saved_objects, proposal->saved_ns / 1e6,
            proposal_names[proposal->kind]);
    put_freed(to, show_advice(profile, proposal));
    fputs("<br><code>", to);
    put_freed(to, show_calls(profile, proposal));
    fputs("</code></summary><p>", to);
    put_freed(to, show_evidence(profile, proposal, is_exact));
    char *against = show_against(proposal);
    if (*against) {
        fputs("</p><p>But: ", to);
        put_escaped(to, against);
    }
    free(against);
    fputs("</p>", to);
    if (proposal->layout)
        put_source(
            to, &(frame_t){.file = proposal->layout->record->file, .line = proposal->layout->record->line});
    for (size_t call = 0; call < proposal->depth; call++)
        put_source(to, proposal_frame(profile, proposal, call));
    fputs("</details></td></tr>\n", to);
}

bool page_write(const profile_t *profile, const proposals_t *proposals, const char *title, FILE *to)
{
    fputs("<!doctype html><html lang=en><meta charset=utf-8><title>weir advise: ", to);
    put_escaped(to, title);
    fputs(
        "</title><style>body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em}"
        "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .6em;"
        "border-bottom:1px solid #ccc}.n{text-align:right;white-space:nowrap}pre{background:#f4f4f4;color:#222;white-space:pre-wrap;"
        "padding:.5em;overflow-x:auto}pre b{background:#ffe08a}.file{margin-bottom:0;color:#666}"
        "summary{cursor:pointer}@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}}</style><h1>",
        to);
    put_escaped(to, title);
    fputs(
        "</h1><table><tr><th class=n>bytes less<th class=n>allocations less<th class=n>ms less<th>advice<th>where</tr>\n",
        to);
    for (size_t i = 0; i < proposals->count; i++)
        if (proposals->of[i].kind != PROPOSE_LEAVE)
            put_page_row(to, profile, &proposals->of[i], proposals->is_exact);
    fputs("</table><p>", to);
    show_rest(proposals, to);
    fputs("</p></html>\n", to);
    return ferror(to) == 0;
}

/* show: see show.h. */
#include "tools/weir/advise/show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/weir/report/print.h"
#include "tools/weir/saturate.h"

const frame_t *show_site(const profile_t *profile, const proposal_t *proposal)
{
    size_t count, first = proposal->place.sample ? proposal_site(profile, proposal->place.sample) : 0;
    for (size_t call = first; call < proposal->depth; call++) {
        const frame_t *frames = proposal_frames(profile, proposal, call, &count);
        if (count && frames[0].file)
            return &frames[0];
    }
    return proposal_frame(profile, proposal, first);
}

const frame_t *show_holder(const profile_t *profile, const proposal_t *proposal)
{
    return proposal->place.holder == VERDICT_NONE ? NULL
                                                  : proposal_frame(profile, proposal, proposal->place.holder);
}

const char *show_bytes(uint64_t bytes, char *room)
{
    return report_value(INUSE_SPACE, to_signed(bytes), room);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void put_frame(FILE *to, const frame_t *frame)
{
    fprintf(to, "%s%s", frame->function, frame->is_named && !strchr(frame->function, '(') ? "()" : "");
    if (frame->file)
        fprintf(to, " %s:%d", last_part(frame->file), frame->line);
}

static const char *holder_name(const profile_t *profile, const proposal_t *proposal)
{
    const frame_t *holder = show_holder(profile, proposal);
    return holder ? holder->function : "?";
}

/* --- sentences --- */

/* A stream into memory: what was written is the caller's after it is closed. */
static FILE *open_text(char **text, size_t *length)
{
    FILE *to = open_memstream(text, length);
    if (!to) {
        fputs("weir advise: out of memory\n", stderr);
        exit(1);
    }
    return to;
}

static void put_layout(FILE *to, const advice_t *layout)
{
    fprintf(to, "struct %s, %s:%d: ", layout->record->name,
            layout->record->file ? last_part(layout->record->file) : "?", layout->record->line);
    draw_change(layout, to);
    fprintf(to, ": cells of %" PRIu64 " bytes instead of %" PRIu64, draw_cell(layout->order.size),
            draw_cell(layout->record->size));
}

char *show_advice(const profile_t *profile, const proposal_t *proposal)
{
    char *text, room[32];
    size_t length;
    FILE *to = open_text(&text, &length);
    const char *holder = holder_name(profile, proposal);
    switch (proposal->kind) {
    case PROPOSE_STACK:
        fprintf(to, "a local variable of %s()", holder);
        break;
    case PROPOSE_REUSE:
        if (!proposal->is_near)
            fputs("one block that is kept and used again", to);
        else
            fprintf(to, "one block that %s() keeps and uses again", holder);
        break;
    case PROPOSE_ARENA:
        fprintf(to, "an arena that %s() makes and frees", holder);
        break;
    case PROPOSE_LOCAL:
        fprintf(to, "it never outlives %s(): a local variable or an arena there", holder);
        break;
    case PROPOSE_LOOK:
        fprintf(to, "it seems not to outlive %s(): --exact tells", holder);
        break;
    case PROPOSE_POOL:
        fputs("a pool that keeps freed ones for the next", to);
        break;
    case PROPOSE_PRESIZE:
        fprintf(to, "ask for %s at once instead of growing", show_bytes(proposal->size, room));
        break;
    case PROPOSE_BUILDER:
        fputs("a builder, or a block that grows by half: each piece copies all that is there", to);
        break;
    case PROPOSE_FEWER:
        fputs("fewer and larger blocks: several in one, as an array", to);
        break;
    case PROPOSE_LAYOUT:
        put_layout(to, proposal->layout);
        break;
    default:
        fputs("leave it", to);
    }
    fclose(to);
    return text;
}

static void put_sizes(FILE *to, const escape_t *escape)
{
    if (escape->least == escape->most)
        fprintf(to, "%" PRIu64 " bytes", escape->most);
    else
        fprintf(to, "%" PRIu64 " to %" PRIu64 " bytes", escape->least, escape->most);
}

static void put_ends(FILE *to, const profile_t *profile, const proposal_t *proposal)
{
    const place_t *place = &proposal->place;
    if (place->holder != VERDICT_NONE)
        fprintf(to, "; all freed before %s() returned", holder_name(profile, proposal));
    if (place->in_use)
        fprintf(to, "; %" PRIu64 " never freed", place->in_use);
    if (place->by_thread)
        fprintf(to, "; %" PRIu64 " freed by other threads", place->by_thread);
    if (place->unknown)
        fprintf(to, "; of %" PRIu64 " it is not known where", place->unknown);
}

char *show_evidence(const profile_t *profile, const proposal_t *proposal, bool is_exact)
{
    char *text;
    size_t length;
    FILE *to = open_text(&text, &length);
    const place_t *place = &proposal->place;
    const escape_t *escape = &proposal->escape;
    if (proposal->kind == PROPOSE_LAYOUT) {
        const use_t *use = &proposal->layout->use;
        fprintf(to, "%" PRIu64 " objects: %" PRIu64 " sure, %" PRIu64 " likely",
                draw_objects(proposal->layout), use->sure, use->likely);
    } else {
        fprintf(to, "%" PRIu64 " blocks", place->objects);
        if (!is_exact)
            fprintf(to, " by %" PRIu64 " samples", place->samples);
        fputs(" of ", to);
        put_sizes(to, escape);
        if (is_exact)
            fprintf(to, ", at most %" PRIu64 " at once", proposal->live);
        put_ends(to, profile, proposal);
    }
    if (escape->chains)
        fprintf(to, "; %" PRIu64 " grew %.1f times each, to %" PRIu64 " to %" PRIu64 " bytes", escape->chains,
                (double)escape->links / (double)escape->chains, escape->final_least, escape->final_most);
    if (proposal->kind == PROPOSE_BUILDER && escape->grown)
        fprintf(to, "; %" PRIu64 " were freed when the next, larger one was there", escape->grown);
    fclose(to);
    return text;
}

char *show_against(const proposal_t *proposal)
{
    enum { FEW = 100 };
    char *text;
    size_t length;
    FILE *to = open_text(&text, &length);
    const char *between = "";
    bool is_of_frame = proposal->kind == PROPOSE_STACK || proposal->kind == PROPOSE_ARENA ||
                       proposal->kind == PROPOSE_REUSE || proposal->kind == PROPOSE_LOOK;
    if (proposal->place.is_likely && is_of_frame) {
        fputs("likely, not sure: it is called in a loop", to);
        between = "; ";
    }
    if (proposal->kind == PROPOSE_STACK && proposal->escape.least != proposal->escape.most) {
        fprintf(to, "%slarger ones than %" PRIu64 " bytes still need malloc", between, proposal->escape.most);
        between = "; ";
    }
    if (proposal->kind == PROPOSE_LOCAL)
        fprintf(to, "%show many there are at once is seen by --exact only", between), between = "; ";
    if (proposal->kind == PROPOSE_LAYOUT && proposal->layout->order.check)
        fprintf(to, "%scheck: %s", between, proposal->layout->order.check);
    if (proposal->kind == PROPOSE_LAYOUT && proposal->layout->use.sure == 0)
        fprintf(to, "%sno line names it: no other struct has that size", between);
    if (proposal->kind != PROPOSE_LAYOUT && proposal->place.samples < FEW)
        fprintf(to, "%sonly %" PRIu64 " samples", between, proposal->place.samples);
    fclose(to);
    return text;
}

char *show_calls(const profile_t *profile, const proposal_t *proposal)
{
    char *text;
    size_t length;
    FILE *to = open_text(&text, &length);
    if (proposal->kind == PROPOSE_LAYOUT)
        fputs(last_part(proposal->layout_file), to);
    for (size_t call = 0; call < proposal->depth; call++) {
        size_t count;
        const frame_t *frames = proposal_frames(profile, proposal, call, &count);
        for (size_t i = 0; i < count; i++) {
            fputs(call + i ? " < " : "", to);
            put_frame(to, &frames[i]);
        }
    }
    fclose(to);
    return text;
}

/* --- the table --- */

static void put_row(const profile_t *profile, const proposal_t *proposal, bool is_exact)
{
    char room[32], *advice = show_advice(profile, proposal), *calls = show_calls(profile, proposal);
    char *evidence = show_evidence(profile, proposal, is_exact), *against = show_against(proposal);
    printf("%12s %12" PRIu64 " %9.2f  %-8s %s\n", show_bytes(proposal->saved_bytes, room),
           proposal->saved_objects, proposal->saved_ns / 1e6, proposal_names[proposal->kind], calls);
    printf("%37s%s\n%37s%s\n", "", advice, "", evidence);
    if (*against)
        printf("%37sbut: %s\n", "", against);
    free(advice);
    free(calls);
    free(evidence);
    free(against);
}

void show_rest(const proposals_t *proposals, FILE *to)
{
    uint64_t objects = 0, places = 0;
    for (size_t i = 0; i < proposals->count; i++)
        if (proposals->of[i].kind == PROPOSE_LEAVE) {
            add_to(&objects, proposals->of[i].place.objects);
            places++;
        }
    fprintf(to, "left as they are: %" PRIu64 " blocks of %" PRIu64 " places\n", objects, places);
    fputs("What the program did not do in this run, as when an error is handled, was not seen.\n", to);
}

void show_table(const profile_t *profile, const proposals_t *proposals, size_t most)
{
    size_t shown = 0, all = 0;
    for (size_t i = 0; i < proposals->count; i++) {
        if (proposals->of[i].kind == PROPOSE_LEAVE)
            continue;
        if (all++ == 0)
            printf("%12s %12s %9s  %-8s %s\n", "bytes less", "allocs less", "ms less", "advice", "where");
        if (shown < most)
            put_row(profile, &proposals->of[i], proposals->is_exact), shown++;
    }
    if (all > shown)
        printf("... and %zu more (--top)\n", all - shown);
    show_rest(proposals, stdout);
}

/* --- JSON --- */

static void put_text(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(to, "\\u%04x", (unsigned)*text);
        else
            putc(*text, to);
    putc('"', to);
}

static void put_named_text(FILE *to, const char *name, char *text)
{
    fprintf(to, ",\"%s\":", name);
    put_text(to, text);
    free(text);
}

static void put_json_frame(FILE *to, const frame_t *frame)
{
    fputs("{\"function\":", to);
    put_text(to, frame->function);
    fputs(",\"file\":", to);
    put_text(to, frame->file ? frame->file : "");
    fprintf(to, ",\"line\":%d}", frame->line);
}

static void put_json_calls(FILE *to, const profile_t *profile, const proposal_t *proposal)
{
    fputs(",\"calls\":[", to);
    for (size_t call = 0; call < proposal->depth; call++) {
        const frame_t *frame = proposal_frame(profile, proposal, call);
        fputs(call ? "," : "", to);
        if (frame)
            put_json_frame(to, frame);
    }
    fputs("],\"outlived_by\":", to);
    if (show_holder(profile, proposal))
        put_json_frame(to, show_holder(profile, proposal));
    else
        fputs("null", to);
}

static void put_json(FILE *to, const profile_t *profile, const proposal_t *proposal, bool is_exact)
{
    const place_t *place = &proposal->place;
    const escape_t *escape = &proposal->escape;
    const frame_t *site = show_site(profile, proposal);
    fprintf(to, "{\"advice\":\"%s\",\"name\":", proposal_names[proposal->kind]);
    put_text(to, proposal->layout ? proposal->layout->record->name : site ? site->function : "?");
    fprintf(to, ",\"saved_bytes\":%" PRIu64 ",\"saved_objects\":%" PRIu64 ",\"saved_ns\":%.0f",
            proposal->saved_bytes, proposal->saved_objects, proposal->saved_ns);
    if (!proposal->layout)
        fprintf(to,
                ",\"sure\":%s,\"objects\":%" PRIu64 ",\"samples\":%" PRIu64 ",\"bytes\":%" PRIu64
                ",\"in_use\":%" PRIu64 ",\"by_thread\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"least\":%" PRIu64
                ",\"most\":%" PRIu64 ",\"live\":%" PRIu64 ",\"chains\":%" PRIu64 ",\"links\":%" PRIu64
                ",\"final_most\":%" PRIu64 ",\"grown\":%" PRIu64,
                place->is_likely ? "false" : "true", place->objects, place->samples, place->bytes,
                place->in_use, place->by_thread, place->unknown, escape->least, escape->most, proposal->live,
                escape->chains, escape->links, escape->final_most, escape->grown);
    put_json_calls(to, profile, proposal);
    put_named_text(to, "text", show_advice(profile, proposal));
    put_named_text(to, "evidence", show_evidence(profile, proposal, is_exact));
    put_named_text(to, "against", show_against(proposal));
    putc('}', to);
}

void show_json(const profile_t *profile, const proposals_t *proposals, FILE *to)
{
    fprintf(to, "{\"exact\":%s,\"proposals\":[", proposals->is_exact ? "true" : "false");
    for (size_t i = 0; i < proposals->count; i++) {
        fputs(i ? ",\n" : "\n", to);
        put_json(to, profile, &proposals->of[i], proposals->is_exact);
    }
    fputs("\n]}\n", to);
}

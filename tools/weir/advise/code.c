/* code: see code.h. Reachability by depth-first search over instructions, each time anew: functions are
 * small. */
#include "tools/weir/advise/code.h"

#include <stdlib.h>

#include "tools/weir/report/profile.h"

/* A direct-mapped cache of answers: a question takes the entry of another one with the same hash. */
enum code_question {
    QUESTION_NONE,
    QUESTION_REPEATS,
    QUESTION_PRECEDES,
    QUESTION_ALWAYS,
    QUESTION_LEADS,
    QUESTION_TAIL
};

typedef struct answer {
    enum code_question question;
    uint64_t first, second;
    bool is_so;
} answer_t;

enum { ANSWERS = 1 << 14 };

static answer_t *answers; /* made at the first question */

/* The entry of the question. If its `question` is not set, the caller finds the answer and sets it. */
static answer_t *answer_to(enum code_question question, uint64_t first, uint64_t second)
{
    uint64_t hash = (first * 0x9e3779b97f4a7c15u ^ second) * 0x9e3779b97f4a7c15u + (uint64_t)question * 977;
    if (!answers)
        answers = profile_room(ANSWERS, sizeof *answers);
    answer_t *answer = &answers[hash >> 40 & (ANSWERS - 1)];
    if (answer->question != question || answer->first != first || answer->second != second)
        *answer = (answer_t){.first = first, .second = second};
    return answer;
}

/* --- reachability --- */

typedef struct reach_search {
    const code_function_t *function;
    bool *seen;
    size_t *waiting, waiting_count;
    size_t without; /* this place is not entered; SIZE_MAX: all may be */
    bool returns;   /* the end of the function was reached */
    bool leaves;    /* it may end in a tail call */
} reach_search_t;

static void reach(reach_search_t *search, size_t place)
{
    if (place == search->without || search->seen[place])
        return;
    search->seen[place] = true;
    search->waiting[search->waiting_count++] = place;
}

static void reach_next(reach_search_t *search, size_t place)
{
    const code_place_t *places = search->function->places;
    if (place + 1 < search->function->count &&
        places[place].address + places[place].instruction.length == places[place + 1].address)
        reach(search, place + 1);
}

/* A jump out of the function is a tail call. */
static void reach_target(reach_search_t *search, size_t place)
{
    size_t target = code_read_place_at(search->function, search->function->places[place].instruction.target);
    if (target != SIZE_MAX)
        reach(search, target);
    else
        search->returns = search->leaves = true;
}

static void reach_all(reach_search_t *search)
{
    for (size_t i = 0; i < search->function->count; i++)
        reach(search, i);
    search->returns = search->leaves = true;
}

static void follow(reach_search_t *search, size_t place)
{
    switch (search->function->places[place].instruction.kind) {
    case INSTRUCTION_JUMP:
        reach_target(search, place);
        break;
    case INSTRUCTION_CONDITIONAL:
        reach_target(search, place);
        reach_next(search, place);
        break;
    case INSTRUCTION_INDIRECT:
        if (!search->function->places[place].instruction.slot)
            reach_all(search);
        search->returns = search->leaves = true;
        break;
    case INSTRUCTION_RETURN:
        search->returns = true;
        break;
    case INSTRUCTION_STOP:
        break;
    default:
        reach_next(search, place);
    }
}

static void go(reach_search_t *search)
{
    while (search->waiting_count)
        follow(search, search->waiting[--search->waiting_count]);
}

static reach_search_t begin(const code_function_t *function, size_t without)
{
    return (reach_search_t){.function = function,
                            .seen = profile_room(function->count, sizeof(bool)),
                            .waiting = profile_room(function->count, sizeof(size_t)),
                            .without = without};
}

static void end(reach_search_t *search)
{
    free(search->seen);
    free(search->waiting);
}

/* Code that cannot be reached from the entry counts as exception handlers, which any call may lead to. */
static void reach_handlers(reach_search_t *search)
{
    const code_function_t *function = search->function;
    reach_search_t whole = begin(function, SIZE_MAX);
    reach(&whole, function->entry);
    go(&whole);
    for (size_t i = 0; i < function->count; i++)
        if (!whole.seen[i] && function->places[i].instruction.kind != INSTRUCTION_PADDING)
            reach(search, i);
    end(&whole);
}

static bool has_call(const reach_search_t *search)
{
    for (size_t i = 0; i < search->function->count; i++)
        if (search->seen[i] && search->function->places[i].instruction.kind == INSTRUCTION_CALL)
            return true;
    return false;
}

static void go_everywhere(reach_search_t *search)
{
    go(search);
    if (has_call(search)) {
        reach_handlers(search);
        go(search);
    }
}

/* From the entry, without passing a place. */
static reach_search_t search_around(const code_function_t *function, size_t without)
{
    reach_search_t search = begin(function, without);
    reach(&search, function->entry);
    go_everywhere(&search);
    return search;
}

static bool repeats(const code_function_t *function, size_t place)
{
    reach_search_t search = begin(function, SIZE_MAX);
    follow(&search, place);
    reach_handlers(&search);
    go_everywhere(&search);
    bool is_so = search.seen[place];
    end(&search);
    return is_so;
}

static bool precedes(const code_function_t *function, size_t first, size_t second)
{
    reach_search_t search = search_around(function, first);
    bool is_so = !search.seen[second];
    end(&search);
    return is_so;
}

static bool precedes_tail(const code_function_t *function, size_t place)
{
    reach_search_t search = search_around(function, place);
    bool is_so = !search.leaves;
    end(&search);
    return is_so;
}

static bool is_always_reached(const code_function_t *function, size_t place)
{
    reach_search_t search = search_around(function, place);
    bool is_so = !search.returns;
    end(&search);
    return is_so;
}

/* Can `to` be reached from `from`? If `search` began at `to` and has seen `from`, the two are on one
 * cycle. */
static bool comes_back(const reach_search_t *search, size_t from, size_t to)
{
    reach_search_t back = begin(search->function, SIZE_MAX);
    reach(&back, from);
    go(&back);
    bool is_so = back.seen[to];
    end(&back);
    return is_so;
}

/* Mark the place, and the conditional jumps that are on a cycle with it. A path that leaves the loop passes
 * one of these. */
static void close_loop(reach_search_t *closed, size_t place)
{
    const code_function_t *function = closed->function;
    reach_search_t ahead = begin(function, SIZE_MAX);
    follow(&ahead, place);
    go(&ahead);
    closed->seen[place] = true;
    for (size_t i = 0; ahead.seen[place] && i < function->count; i++)
        if (ahead.seen[i] && function->places[i].instruction.kind == INSTRUCTION_CONDITIONAL &&
            comes_back(&ahead, i, place))
            closed->seen[i] = true;
    end(&ahead);
}

static bool leads_to(const code_function_t *function, size_t first, size_t second)
{
    reach_search_t search = begin(function, SIZE_MAX);
    close_loop(&search, second);
    follow(&search, first);
    go(&search);
    bool is_so = !search.returns;
    end(&search);
    return is_so;
}

/* --- questions --- */

bool code_repeats(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_REPEATS, address, 0);
    size_t place = code_read_place(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return true;
    if (!answer->question)
        answer->is_so = repeats(function, place);
    answer->question = QUESTION_REPEATS;
    return answer->is_so;
}

bool code_precedes(const code_function_t *function, uint64_t first, uint64_t second)
{
    answer_t *answer = answer_to(QUESTION_PRECEDES, first, second);
    size_t from = code_read_place(function, first), to = code_read_place(function, second);
    if (from == SIZE_MAX || to == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = precedes(function, from, to);
    answer->question = QUESTION_PRECEDES;
    return answer->is_so;
}

bool code_is_always_reached(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_ALWAYS, address, 0);
    size_t place = code_read_place(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = is_always_reached(function, place);
    answer->question = QUESTION_ALWAYS;
    return answer->is_so;
}

bool code_leads_to(const code_function_t *function, uint64_t first, uint64_t second)
{
    answer_t *answer = answer_to(QUESTION_LEADS, first, second);
    size_t from = code_read_place(function, first), to = code_read_place(function, second);
    if (from == SIZE_MAX || to == SIZE_MAX || function->is_reentered || function->is_indirect)
        return false;
    if (!answer->question)
        answer->is_so = leads_to(function, from, to);
    answer->question = QUESTION_LEADS;
    return answer->is_so;
}

bool code_precedes_tail(const code_function_t *function, uint64_t address)
{
    answer_t *answer = answer_to(QUESTION_TAIL, address, 0);
    size_t place = code_read_place(function, address);
    if (place == SIZE_MAX || function->is_reentered)
        return false;
    if (!answer->question)
        answer->is_so = precedes_tail(function, place);
    answer->question = QUESTION_TAIL;
    return answer->is_so;
}

bool code_calls(const code_function_t *function, uint64_t address, const code_function_t *called)
{
    size_t place = code_read_place(function, address);
    if (place == SIZE_MAX || function->file != called->file)
        return false;
    const instruction_t *call = &function->places[place].instruction;
    return call->kind == INSTRUCTION_CALL && call->target == called->places[called->entry].address;
}

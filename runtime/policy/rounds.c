/* rounds: see rounds.h. */
#include "runtime/policy/rounds.h"

enum { WORSE_MAX = 2, FEW = 16 * 4096 /* bytes: then most of a round is asking */ };

void rounds_begin(rounds_t *rounds, uint64_t budget_ns)
{
    *rounds = (rounds_t){.budget_ns = budget_ns, .least = SIZE_MAX};
}

bool rounds_go_on(rounds_t *rounds, size_t written, uint64_t ns, bool slowed)
{
    bool is_halved = written <= rounds->least / 2, is_shorter = written <= rounds->least / 8 * 7;
    bool can_slow = rounds->brake < ROUNDS_BRAKE_MAX && (rounds->brake == 0 || slowed);
    rounds->count++;
    rounds->worse = is_shorter || can_slow ? 0 : rounds->worse + 1;
    rounds->brake += !is_halved && can_slow;
    rounds->least = written < rounds->least ? written : rounds->least;
    return written > FEW && ns > rounds->budget_ns / 2 && rounds->worse < WORSE_MAX &&
           rounds->count < ROUNDS_MAX;
}

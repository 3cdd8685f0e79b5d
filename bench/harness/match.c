/* match: the pattern of -bench. As in Go it is cut at each '/' outside of brackets, and each piece has to be
 * found in the piece of the name at its level: "pool/size=1" finds the parts of all benchmarks with "pool" in
 * their name. The pieces are POSIX extended expressions.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/harness/harness.h"

enum { LEVELS_MAX = 16 };

struct match {
    int levels;
    regex_t pieces[LEVELS_MAX];
};

/* The length of the first piece. */
static size_t piece_length(const char *pattern)
{
    int depth = 0;
    size_t i = 0;
    for (; pattern[i] != '\0' && !(pattern[i] == '/' && depth == 0); i++) {
        if (pattern[i] == '\\' && pattern[i + 1] != '\0')
            i++;
        else if (pattern[i] == '[' || pattern[i] == '(')
            depth++;
        else if (pattern[i] == ']' || pattern[i] == ')')
            depth--;
    }
    return i;
}

static bool piece_add(struct match *match, const char *pattern, size_t length)
{
    char text[NAME_SIZE];
    if (length >= sizeof text || match->levels == LEVELS_MAX) {
        fprintf(stderr, "-bench: \"%s\": too long\n", pattern);
        return false;
    }
    memcpy(text, pattern, length);
    text[length] = '\0';
    int error = regcomp(&match->pieces[match->levels], text, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        char reason[128];
        regerror(error, NULL, reason, sizeof reason);
        fprintf(stderr, "-bench: \"%s\": %s\n", text, reason);
        return false;
    }
    match->levels++;
    return true;
}

struct match *match_new(const char *pattern)
{
    struct match *match = calloc(1, sizeof *match);
    if (match == NULL)
        abort();
    for (;;) {
        size_t length = piece_length(pattern);
        if (!piece_add(match, pattern, length)) {
            match_free(match);
            return NULL;
        }
        if (pattern[length] == '\0')
            return match;
        pattern += length + 1;
    }
}

void match_free(struct match *match)
{
    for (int level = 0; level < match->levels; level++)
        regfree(&match->pieces[level]);
    free(match);
}

enum match_outcome match_name(const struct match *match, const char *full_name)
{
    char name[NAME_SIZE], *rest = NULL;
    snprintf(name, sizeof name, "%s", full_name);
    int level = 0;
    for (char *piece = strtok_r(name, "/", &rest); piece != NULL && level < match->levels;
         piece = strtok_r(NULL, "/", &rest)) {
        if (regexec(&match->pieces[level], piece, 0, NULL, 0) != 0)
            return MATCH_NONE;
        level++;
    }
    return level < match->levels ? MATCH_PARTS : MATCH_ALL;
}

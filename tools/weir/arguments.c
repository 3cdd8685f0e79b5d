/* arguments: see arguments.h. */
#include "tools/weir/arguments.h"

#include <ctype.h>
#include <string.h>

const char *arguments_flag(const struct options_row *row)
{
    static char flag[64] = "--";
    size_t length = 2;
    for (const char *c = row->name + strlen("WEIR_"); *c != '\0' && length < sizeof flag - 1; c++)
        flag[length++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    flag[length] = '\0';
    return flag;
}

void arguments_bad_value(const struct command *command, const char *flag, const char *value,
                         const struct options_problem *problem)
{
    char room[512];
    text_t expected = text_on(room, sizeof room);
    if (problem->row == NULL)
        text_add_str(&expected, "unknown key");
    else if (problem->detail != NULL)
        text_add_str(&expected, problem->detail);
    else {
        text_add_str(&expected, "expected ");
        options_add_expected(&expected, problem->row);
    }
    command_bad_usage(command, "%s \"%s\": %s", flag, value, room);
}

const char *arguments_value(const char *flag, char **arguments, int *at)
{
    size_t length = strlen(flag);
    if (strncmp(arguments[*at], flag, length) != 0)
        return NULL;
    if (arguments[*at][length] == '=')
        return arguments[*at] + length + 1;
    if (arguments[*at][length] != '\0')
        return NULL;
    return arguments[*at + 1] != NULL ? arguments[++*at] : "";
}

bool arguments_check(const struct command *command, const struct options_row *row, const char *value)
{
    struct options scratch = options;
    struct options_problem problem = {.row = row};
    if (*value != '\0' && options_parse(&scratch, row->name, value, &problem))
        return true;
    arguments_bad_value(command, arguments_flag(row), value, &problem);
    return false;
}

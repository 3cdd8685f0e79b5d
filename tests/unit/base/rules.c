/* The rules of WEIR_KEEP and WEIR_NOSCAN. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "runtime/base/rules.h"

Test(rules, sizes)
{
    const char *rules = "64,100-200,1KiB-2KiB,1MiB-";
    static const struct {
        uint64_t size;
        bool has;
    } cases[] = {{0, false},   {63, false},   {64, true},      {65, false},        {99, false},
                 {100, true},  {200, true},   {201, false},    {1023, false},      {1024, true},
                 {2048, true}, {2049, false}, {1 << 20, true}, {UINT64_MAX, true}, {(1 << 20) - 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(rules_have_size(rules, cases[i].size), cases[i].has, "%zu", (size_t)cases[i].size);
    cr_expect_not(rules_have_size(NULL, 64));
    cr_expect_not(rules_have_size("libz.so", 64));
}

Test(rules, names)
{
    const char *rules = "libz.so,64,my-program,libstdc++";
    cr_expect(rules_have_names(rules));
    cr_expect(rules_have_name(rules, "libz.so"));
    cr_expect(rules_have_name(rules, "libz.so.1.2"));
    cr_expect(rules_have_name(rules, "my-program"));
    cr_expect(rules_have_name(rules, "libstdc++.so.6"));
    cr_expect_not(rules_have_name(rules, "libz"));
    cr_expect_not(rules_have_name(rules, "program"));
    cr_expect_not(rules_have_name(rules, "64"));
    cr_expect_not(rules_have_names("64,1KiB-"));
    cr_expect_not(rules_have_names(NULL));
    cr_expect_not(rules_have_name(NULL, "libz.so"));
}

static bool is_right(const char *rules)
{
    rule_t rule;
    while (rules && *rules)
        rules = rule_next(rules, &rule);
    return rules != NULL;
}

Test(rules, what_is_none)
{
    static const char *const right[] = {"1", "1-1", "0-", "1GiB", "a", "libX11.so.6", "a,1", "_x,"},
                             *const wrong[] = {",",
                                               "1,,2",
                                               "-5",
                                               "5-4",
                                               "4k",
                                               "1KB",
                                               "1 ",
                                               " a",
                                               "a b",
                                               "a/b",
                                               "lib*",
                                               "18446744073709551616",
                                               "99999999999GiB",
                                               "1-2-3",
                                               "1-x"};
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        cr_expect(is_right(right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_expect_not(is_right(wrong[i]), "%s", wrong[i]);
}

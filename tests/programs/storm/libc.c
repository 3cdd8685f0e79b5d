/* libc: what the C library allocates by itself: streams, lines, patterns, sorting, trees, names of hosts,
 * locales, printf. environment: setenv and its like, while nobody reads the environment. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <glob.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <netinet/in.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

#include "tests/programs/storm/storm.h"

static void lines(uint64_t *random)
{
    enum { LINES = 100 };
    FILE *stream = tmpfile();
    CHECK(stream != NULL);
    uint64_t seed = *random;
    for (int i = 0; i < LINES; i++) {
        int length = (int)below(random, 300);
        CHECK(fprintf(stream, "%d:%*d\n", i, length + 1, length) > 0);
    }
    rewind(stream);
    char *line = NULL;
    size_t room = 0;
    for (int i = 0; i < LINES; i++) {
        int number, length;
        CHECK(getline(&line, &room, stream) > 0 && sscanf(line, "%d:%d", &number, &length) == 2);
        CHECK(number == i && length == (int)below(&seed, 300));
    }
    free(line);
    CHECK(fclose(stream) == 0);
}

static void texts(uint64_t *random)
{
    char *text = NULL, *copy;
    int number = (int)below(random, 100000);
    CHECK(asprintf(&text, "%d %.*f %ls", number, 200 + number % 5000, 1.0 / 3, L"wide") > 200);
    CHECK(atoi(text) == number && strcmp(text + strlen(text) - 4, "wide") == 0);
    CHECK((copy = strdup(text)) && strcmp(copy, text) == 0);
    free(text);
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    for (int i = 0; i < 500; i++)
        fprintf(stream, "%d,", i);
    CHECK(fclose(stream) == 0 && length == strlen(text) && length == 10 * 2 + 90 * 3 + 400 * 4);
    free(text);
    free(copy);
}

static void patterns(void)
{
    regex_t pattern;
    regmatch_t match[3];
    CHECK(regcomp(&pattern, "([a-z]+)@([a-z]+\\.)+[a-z]{2,4}", REG_EXTENDED) == 0);
    CHECK(regexec(&pattern, "write to somebody@mail.example.org now", 3, match, 0) == 0);
    CHECK(match[0].rm_so == 9 && match[0].rm_eo == 34);
    regfree(&pattern);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void nothing(void *unused)
{
    (void)unused;
}

static void sorted(uint64_t *random)
{
    enum { COUNT = 3000 };
    uint64_t *values = malloc(COUNT * sizeof *values);
    void *root = NULL;
    CHECK(values != NULL);
    for (int i = 0; i < COUNT; i++)
        values[i] = random_next(random);
    qsort(values, COUNT, sizeof *values, by_value);
    for (int i = 1; i < COUNT; i++)
        CHECK(values[i - 1] <= values[i]);
    for (int i = 0; i < COUNT; i += 7)
        CHECK(tsearch(&values[i], &root, by_value) != NULL);
    for (int i = 0; i < COUNT; i += 7)
        CHECK(**(uint64_t **)tfind(&values[i], &root, by_value) == values[i]);
    tdestroy(root, nothing);
    free(values);
}

static void names(void)
{
    struct addrinfo *found, hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    CHECK(getaddrinfo("127.0.0.1", "80", &hints, &found) == 0);
    CHECK(((struct sockaddr_in *)found->ai_addr)->sin_port == htons(80));
    freeaddrinfo(found);
    struct dirent **entries;
    int count = scandir("/proc/self", &entries, NULL, alphasort);
    CHECK(count > 10);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
    glob_t matches;
    CHECK(glob("/proc/self/sta*", 0, NULL, &matches) == 0 && matches.gl_pathc >= 2);
    globfree(&matches);
}

static void locales(void)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C.UTF-8", NULL);
    CHECK(plain != NULL);
    locale_t before = uselocale(plain);
    wchar_t wide[8];
    CHECK(mbstowcs(wide, "\xc3\xa4\xe2\x82\xac", 8) == 2 && wide[1] == 0x20ac);
    uselocale(before);
    freelocale(plain);
    iconv_t convert = iconv_open("UTF-16LE", "UTF-8");
    CHECK(convert != (iconv_t)-1);
    char in[] = "storm", out[20], *i = in, *o = out;
    size_t in_left = 5, out_left = sizeof out;
    CHECK(iconv(convert, &i, &in_left, &o, &out_left) == 0 && out_left == sizeof out - 10 && out[2] == 't');
    iconv_close(convert);
}

static void step(worker_t *w)
{
    DOING("the lock of the environment");
    pthread_rwlock_rdlock(&environment_lock); /* locales, iconv and getaddrinfo look into it */
    switch (below(&w->random, 6)) {
    case 0:
        DOING("streams");
        lines(&w->random);
        break;
    case 1:
        DOING("printf");
        texts(&w->random);
        break;
    case 2:
        DOING("regcomp");
        patterns();
        break;
    case 3:
        DOING("qsort, tsearch");
        sorted(&w->random);
        break;
    case 4:
        DOING("getaddrinfo, scandir, glob");
        names();
        break;
    default:
        DOING("locales");
        locales();
    }
    pthread_rwlock_unlock(&environment_lock);
}

const actor_t actor_libc = {"libc", 2, 60, false, NULL, step, NULL};

/* --- the environment --- */

enum { VARIABLES = 50 };

static void environment_step(worker_t *w)
{
    char name[32], value[4000];
    DOING("the lock of the environment");
    pthread_rwlock_wrlock(&environment_lock);
    DOING("setenv");
    for (int i = 0; i < 20; i++) {
        int number = (int)below(&w->random, VARIABLES);
        snprintf(name, sizeof name, "STORM_%d", number);
        const char *had = getenv(name);
        CHECK(!had || atoi(had) == number);
        if (had && below(&w->random, 3) == 0) {
            CHECK(unsetenv(name) == 0 && !getenv(name));
        } else {
            snprintf(value, sizeof value, "%d %*d", number, (int)below(&w->random, 3000), 7);
            CHECK(setenv(name, value, 1) == 0 && strcmp(getenv(name), value) == 0);
        }
    }
    pthread_rwlock_unlock(&environment_lock);
    DOING("sleep");
    sleep_ms(5 + (unsigned)below(&w->random, 20));
}

const actor_t actor_environment = {"environment", 1, 20, false, NULL, environment_step, NULL};

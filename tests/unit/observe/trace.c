// The execution trace: records, and the file that threads write to at once, across a fork.
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/observe/trace_file.h"
#include "runtime/observe/trace_record.h"
#include "runtime/os/os.h"
#include "runtime/os/self.h"
#include "tests/unit/support.h"

enum { THREADS = 4, RECORDS = 500 };

static char path[64];

static void path_begin(void)
{
    snprintf(path, sizeof path, "/tmp/weir-trace-%d.json", (int)getpid());
}

static void nothing_first(void)
{
}

static void put(const char *name, uint64_t value)
{
    char room[TRACE_RECORD];
    text_t record = text_on(room, sizeof room);
    record_begin(&record, 'i', name, os_now_ns(), os_thread_id());
    record_add_number(&record, "value", value);
    record_end(&record);
    trace_file_add(&record);
}

// How many lines of the file have the word; -1: a line is not a whole record.
static int lines_with(const char *file, const char *word)
{
    FILE *from = fopen(file, "r");
    cr_assert_not_null(from);
    char line[TRACE_RECORD + 8];
    int count = 0;
    while (fgets(line, sizeof line, from)) {
        if (line[0] != '{')
            continue;
        if (!strstr(line, "}}"))
            count = -1;
        count += count >= 0 && strstr(line, word) != NULL;
    }
    fclose(from);
    return count;
}

Test(trace, a_record_is_the_published_format)
{
    char room[TRACE_RECORD], expected[TRACE_RECORD];
    text_t record = text_on(room, sizeof room);
    record_note_process();
    record_begin(&record, 'X', "mark \"now\"", 1000250, 7);
    record_add_duration(&record, 12000);
    record_add_number(&record, "bytes", 4096);
    record_add_string(&record, "why", "growth");
    record_end(&record);
    snprintf(expected, sizeof expected,
             "{\"ph\":\"X\",\"name\":\"mark ?now?\",\"ts\":1000.250,\"pid\":%d,\"tid\":7,\"dur\":12.000,"
             "\"args\":{\"bytes\":4096,\"why\":\"growth\"}}",
             (int)getpid());
    cr_assert_str_eq(record.start, expected);
}

static void *put_many(void *number)
{
    for (int i = 0; i < RECORDS; i++) {
        put("of a thread", (uintptr_t)number);
        trace_file_flush(os_now_ns(), i % 16 == 0);
    }
    return NULL;
}

// What was dropped because both buffers were full is counted: records and dropped ones are all that were put.
Test(trace, threads_put_records_at_once)
{
    path_begin();
    cr_assert(trace_file_open(path, nothing_first));
    cr_assert_not(trace_file_open(path, nothing_first));
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, put_many, (void *)i), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert(trace_file_close());
    cr_assert_not(trace_file_is_open());

    int written = lines_with(path, "of a thread"), dropped = 0;
    FILE *from = fopen(path, "r");
    char line[TRACE_RECORD + 8];
    while (fgets(line, sizeof line, from))
        if (strstr(line, "records dropped"))
            dropped = atoi(strstr(line, "\"count\":") + strlen("\"count\":"));
    fclose(from);
    cr_assert_eq(written + dropped, THREADS * RECORDS, "%d written, %d dropped", written, dropped);
    unlink(path);
}

Test(trace, a_child_of_fork_has_a_file_of_its_own)
{
    path_begin();
    cr_assert(trace_file_open(path, nothing_first));
    put("of the parent", 1);
    pid_t child = fork();
    if (child == 0) {
        put("of the child", 2);
        trace_file_flush(os_now_ns(), true);
        _exit(trace_file_close() ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    put("of the parent", 3);
    cr_assert(trace_file_close());

    char childs[80];
    snprintf(childs, sizeof childs, "%s.%d", path, (int)child);
    cr_assert_eq(lines_with(path, "of the parent"), 2);
    cr_assert_eq(lines_with(path, "of the child"), 0);
    cr_assert_eq(lines_with(childs, "of the parent"), 0);
    cr_assert_eq(lines_with(childs, "of the child"), 1);
    unlink(path);
    unlink(childs);
}

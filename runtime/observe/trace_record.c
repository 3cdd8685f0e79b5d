/* trace_record: see trace_record.h. */
#include "runtime/observe/trace_record.h"

#include "runtime/os/self.h"

static void add_us(text_t *record, const char *key, uint64_t ns)
{
    text_add_str(record, ",\"");
    text_add_str(record, key);
    text_add_str(record, "\":");
    text_add_decimal(record, ns, 3);
}

static void add_string(text_t *record, const char *string)
{
    text_add_char(record, '"');
    for (const char *c = string; *c; c++)
        text_add_char(record, (unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || *c == '"' || *c == '\\'
                                  ? '?'
                                  : *c);
    text_add_char(record, '"');
}

/* The object `args` is the last one in the record, and has no member yet if the record ends in its brace. */
static void add_key(text_t *record, const char *key)
{
    bool is_first = record->start[record->length - 1] == '{';
    if (!is_first)
        text_add_char(record, ',');
    add_string(record, key);
    text_add_char(record, ':');
}

static int process;

void record_note_process(void)
{
    process = os_process_id();
}

void record_begin(text_t *record, char phase, const char *name, uint64_t ns, int thread)
{
    text_add_str(record, "{\"ph\":\"");
    text_add_char(record, phase);
    text_add_str(record, "\",\"name\":");
    add_string(record, name);
    add_us(record, "ts", ns);
    text_add_str(record, ",\"pid\":");
    text_add_i64(record, process);
    text_add_str(record, ",\"tid\":");
    text_add_i64(record, thread);
    if (phase == 'i')
        text_add_str(record, ",\"s\":\"p\"");
    text_add_str(record, ",\"args\":{");
}

/* The duration goes before `args`, which has no member yet: `args` is cut off, and added again. */
void record_add_duration(text_t *record, uint64_t ns)
{
    static const char args[] = ",\"args\":{";
    record->length -= sizeof args - 1;
    add_us(record, "dur", ns);
    text_add_str(record, args);
}

void record_add_number(text_t *record, const char *key, uint64_t value)
{
    add_key(record, key);
    text_add_u64(record, value);
}

void record_add_string(text_t *record, const char *key, const char *value)
{
    add_key(record, key);
    add_string(record, value);
}

void record_end(text_t *record)
{
    text_add_str(record, "}}");
}

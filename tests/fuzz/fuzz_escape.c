/* How pawl-sum writes names that are any bytes: each way, read back as its reader reads it, gives the name again. */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/pawl-sum/escape.h"

static int digit(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* The line of sums, as sha256sum -c reads it. */
static void check_sum(const char *name, const struct text *escaped)
{
    for (size_t i = 0; i < escaped->size; i++) {
        char c = escaped->bytes[i];
        FUZZ_CHECK(c != '\n' && c != '\r');
        if (c == '\\') {
            FUZZ_CHECK(++i < escaped->size);
            c = escaped->bytes[i] == 'n' ? '\n' : escaped->bytes[i] == 'r' ? '\r' : escaped->bytes[i];
            FUZZ_CHECK(c == '\n' || c == '\r' || c == '\\');
        }
        FUZZ_CHECK(c == *name++);
    }
    FUZZ_CHECK(*name == '\0');
}

/* One byte of $'...': \n, \r, \t or three octal digits. */
static char shell_byte(const char **s)
{
    const char *c = *s;
    *s += 2;
    if (c[1] == 'n' || c[1] == 'r' || c[1] == 't')
        return c[1] == 'n' ? '\n' : c[1] == 'r' ? '\r' : '\t';
    *s += 2;
    return (char)(digit(c[1]) * 64 + digit(c[2]) * 8 + digit(c[3]));
}

/* As bash reads a word of '...', \' and $'...'. */
static void check_shell(const char *name, const char *s)
{
    if (*s != '\'') {
        FUZZ_CHECK(strcmp(name, s) == 0 && *s != '\0');
        return;
    }
    while (*s != '\0') {
        bool dollar = *s == '$';
        if (*s == '\\') {
            FUZZ_CHECK(s[1] == *name++ && s[1] == '\'');
            s += 2;
            continue;
        }
        s += dollar;
        FUZZ_CHECK(*s++ == '\'');
        while (*s != '\'') {
            FUZZ_CHECK(*s != '\0' && (unsigned char)*s >= 0x20 && *s != 0x7f); /* nothing that a terminal obeys */
            char c = dollar && *s == '\\' ? shell_byte(&s) : *s++;
            FUZZ_CHECK(c == *name++);
        }
        s++;
    }
    FUZZ_CHECK(*name == '\0');
}

/* As a JSON parser reads it; what is no UTF-8 is U+FFFD. */
static void check_json(const char *name, const struct text *escaped, bool valid)
{
    const char *s = escaped->bytes, *end = s + escaped->size - 2; /* at the last quote; a NUL follows it */
    bool replaced = false;
    FUZZ_CHECK(escaped->size >= 3 && *s++ == '"' && *end == '"');
    while (s < end) {
        char c = *s++;
        FUZZ_CHECK((unsigned char)c >= 0x20 && c != '"');
        if (c == '\\' && strncmp(s, "ufffd", 5) == 0) {
            FUZZ_CHECK((unsigned char)*name++ >= 0x80);
            replaced = true;
            s += 5;
            continue;
        }
        if (c == '\\' && *s == 'u') {
            FUZZ_CHECK(s[1] == '0' && s[2] == '0');
            c = (char)(digit(s[3]) * 16 + digit(s[4]));
            s += 5;
        } else if (c == '\\') {
            c = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
            s++;
        }
        FUZZ_CHECK(c == *name++);
    }
    FUZZ_CHECK(*name == '\0' && valid == !replaced);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct text sum = {0}, shell = {0}, json = {0};
    char *name = malloc(size + 1);
    FUZZ_CHECK(name != NULL);
    if (size > 0)
        memcpy(name, bytes, size);
    name[size] = '\0';
    escape_sum(&sum, name);
    FUZZ_CHECK(escape_sum_needed(name) == (sum.size != strlen(name)));
    check_sum(name, &sum);
    escape_shell(&shell, name);
    text_append_char(&shell, '\0');
    check_shell(name, shell.bytes);
    bool valid = escape_json(&json, name);
    text_append_char(&json, '\0');
    check_json(name, &json, valid);
    text_fini(&json);
    text_fini(&shell);
    text_fini(&sum);
    free(name);
    return 0;
}

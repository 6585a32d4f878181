#include "escape.h"

#include <stdint.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at s (RFC 3629: shortest form, no surrogates, up to U+10FFFF), its code point in
 * *point; 0 if there is none. A terminating NUL is no continuation byte, so nothing is read beyond it. */
static size_t utf8_sequence(const unsigned char *s, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80) {
        *point = s[0];
        return 1;
    }
    size_t length = 0;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        length = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef)
        length = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4)
        length = 4;
    else
        return 0;
    uint32_t value = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (s[i] & 0x3fu);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *point = value;
    return length;
}

bool escape_sum_needed(const char *name)
{
    return strpbrk(name, "\\\n\r") != NULL;
}

void escape_sum(struct text *out, const char *name)
{
    for (;;) {
        size_t plain = strcspn(name, "\\\n\r");
        text_append(out, name, plain);
        name += plain;
        if (*name == '\0')
            return;
        text_append_string(out, *name == '\n' ? "\\n" : *name == '\r' ? "\\r" : "\\\\");
        name++;
    }
}

/* Length of what stands at s if a terminal shows it as it is; 0 for control characters and bytes that are no UTF-8. */
static size_t printable(const unsigned char *s)
{
    uint32_t point = 0;
    size_t length = utf8_sequence(s, &point);
    bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
    bool turns_text = (point >= 0x200e && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                      (point >= 0x2066 && point <= 0x2069);
    return control || turns_text ? 0 : length;
}

static bool shell_plain(const unsigned char *s)
{
    if (*s == '\0')
        return false;
    while (*s != '\0') {
        size_t length = printable(s);
        if (length == 0 || strchr(" !\"$&'()*;<=>?[\\^`|:", *s) != NULL)
            return false;
        s += length;
    }
    return true;
}

/* One byte that cannot be shown, inside $'...'. */
static void append_shell_byte(struct text *out, unsigned char byte)
{
    switch (byte) {
    case '\n':
        text_append_string(out, "\\n");
        break;
    case '\r':
        text_append_string(out, "\\r");
        break;
    case '\t':
        text_append_string(out, "\\t");
        break;
    default:
        text_format(out, "\\%03o", (unsigned)byte);
    }
}

void escape_shell(struct text *out, const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    if (shell_plain(s)) {
        text_append_string(out, name);
        return;
    }
    text_append_char(out, '\'');
    while (*s != '\0') {
        size_t length = printable(s);
        if (*s == '\'') {
            text_append_string(out, "'\\''");
            s++;
        } else if (length > 0) {
            text_append(out, s, length);
            s += length;
        } else {
            text_append_string(out, "'$'");
            while (*s != '\0' && printable(s) == 0)
                append_shell_byte(out, *s++);
            text_append_string(out, "''");
        }
    }
    text_append_char(out, '\'');
}

static void append_json_ascii(struct text *out, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        text_append_char(out, '\\');
        text_append_char(out, (char)c);
        break;
    case '\n':
        text_append_string(out, "\\n");
        break;
    case '\r':
        text_append_string(out, "\\r");
        break;
    case '\t':
        text_append_string(out, "\\t");
        break;
    default:
        if (c < 0x20 || c == 0x7f)
            text_format(out, "\\u%04x", (unsigned)c);
        else
            text_append_char(out, (char)c);
    }
}

bool escape_json(struct text *out, const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    bool valid = true;
    text_append_char(out, '"');
    while (*s != '\0') {
        uint32_t point = 0;
        size_t length = utf8_sequence(s, &point);
        if (length == 1) {
            append_json_ascii(out, *s++);
        } else if (length > 1) {
            text_append(out, s, length);
            s += length;
        } else {
            text_append_string(out, "\\ufffd");
            valid = false;
            s++;
        }
    }
    text_append_char(out, '"');
    return valid;
}

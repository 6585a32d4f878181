#include "tools/arguments/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

bool arguments_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    if (text == NULL)
        return false;
    bool hexadecimal = is_hexadecimal(text);
    const char *digits = hexadecimal ? text + 2 : text;
    size_t length = strspn(digits, hexadecimal ? "0123456789abcdefABCDEF" : "0123456789");
    if (length == 0 || digits[length] != '\0') /* so strtoull sees neither blank nor sign */
        return false;
    errno = 0;
    uint64_t value = strtoull(digits, NULL, hexadecimal ? 16 : 10);
    if (errno != 0 || value < min || value > max)
        return false;
    *out = value;
    return true;
}

static double nanoseconds_in(const char *unit)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ns;
    return 0;
}

bool arguments_duration(const char *text, uint64_t *duration_ns)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0)
        return false;
    char *end = NULL;
    double value = strtod(text, &end);
    if (end != text + digits)
        return false;
    double ns = value * nanoseconds_in(end);
    if (!(ns >= 1) || ns > 1e18)
        return false;
    *duration_ns = (uint64_t)ns;
    return true;
}

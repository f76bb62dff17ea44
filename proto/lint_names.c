#include "lint_names.h"
#include <stddef.h>
#include <string.h>

bool hrp_name_is_snake(const char *name)
{
    bool word = false;

    for (const char *p = name; *p != '\0'; p++) {
        if (*p == '_' && !word)
            return false; /* leading or doubled */
        if (*p != '_' && !(*p >= 'a' && *p <= 'z') && !(*p >= '0' && *p <= '9'))
            return false;
        word = *p != '_';
    }
    return word;
}

/* Is `words`, itself perhaps of several words, in the name: from one underscore to another? */
static bool has(const char *name, const char *words)
{
    size_t n = strlen(words);

    for (const char *p = strstr(name, words); p != NULL; p = strstr(p + 1, words)) {
        if ((p == name || p[-1] == '_') && (p[n] == '\0' || p[n] == '_'))
            return true;
    }
    return false;
}

static bool has_any(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (has(name, *list))
            return true;
    }
    return false;
}

static const char *last_word(const char *name)
{
    const char *p = strrchr(name, '_');

    return p != NULL ? p + 1 : "";
}

bool hrp_name_has_unit(const char *name)
{
    static const char *const units[] = {
        "ns", "us", "ms", "s", "sec", "secs", "seconds", "millis", "micros", "nanos", "minutes", "min", "hours", "days", "weeks",
        "bytes", "kb", "kib", "mb", "mib", "gb", "gib", "bits", "percent", "pct", "ratio", "share", "fraction", "celsius", "kelvin",
        "fahrenheit", "mm", "cm", "m", "km", "miles", "feet", "inches", "px", "pixels", "deg", "degrees", "rad", "g", "kg", "lbs",
        "hz", "khz", "mhz", "v", "mv", "w", "kw", "kwh", "usd", "eur", "gbp", "cents", "bps", "rpm", "kmh", "mps", "count", "index",
    };

    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(last_word(name), units[i]) == 0)
            return true;
    }
    return false;
}

bool hrp_name_is_quantity(const char *name)
{
    static const char *const words[] = {
        "amount", "price", "cost", "fee", "tax", "discount", "revenue", "balance", "budget", "duration", "latency", "delay",
        "elapsed", "timeout", "interval", "ttl", "age", "distance", "length", "width", "height", "depth", "size", "weight", "mass",
        "speed", "velocity", "rate", "temperature", "pressure", "humidity", "voltage", "current", "power", "energy", "volume",
        "area", "altitude", "memory", "bandwidth", NULL,
    };

    return has_any(name, words);
}

bool hrp_name_is_time(const char *name)
{
    static const char *const words[] = {"time", "timestamp", "date", "datetime", "created", "updated", "deleted", "expires", "ts", NULL};

    return has_any(name, words) || strcmp(last_word(name), "at") == 0;
}

static bool is_person(const char *message)
{
    static const char *const people[] = {"User", "Person", "Customer", "Contact", "Employee", "Member", "Passenger", "Patient", "Profile", "Author"};

    for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
        if (strstr(message, people[i]) != NULL)
            return true;
    }
    return false;
}

const char *hrp_name_personal(const char *message, const char *name)
{
    static const char *const contact[] = {"email", "mail", "phone", "mobile", "telephone", "msisdn", "fax", NULL};
    static const char *const location[] = {"ip", "address", "addr", "street", "postcode", "postal_code", "zip", "zipcode", "latitude",
                                           "longitude", "lat", "lon", "lng", "geo", "gps", NULL};
    static const char *const sensitive[] = {"password", "ssn", "iban", "passport", "birthday", "birth", "birthdate", "dob", "gender",
                                            "religion", "salary", "diagnosis", "card_number", "tax_id", NULL};
    static const char *const id[] = {"first_name", "last_name", "full_name", "surname", "user_name", "username", "nickname", "user_id",
                                     "userid", "customer_id", "account_id", "device_id", "cookie", "session_id", "fingerprint",
                                     "user_agent", NULL};

    return has_any(name, contact) ? "CONTACT" : has_any(name, location) ? "LOCATION" : has_any(name, sensitive) ? "SENSITIVE"
           : has_any(name, id) || (strcmp(name, "name") == 0 && is_person(message)) ? "ID" : NULL;
}

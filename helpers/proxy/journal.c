#include "journal.h"

#include "err.h"
#include "log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REPEAT_NS 10000000000ull

static const char *const verdicts[] = {
        [JOURNAL_ALLOWED] = "allowed",
        [JOURNAL_REFUSED] = "refused",
        [JOURNAL_FAILED] = "failed",
};

/* A string of JSON.  What is not ASCII cannot be here but in a rule's own words, and is escaped. */
static void quote(const char *text, char *out, size_t size)
{
        size_t used = 0;

        out[used++] = '"';
        for (const char *c = text; *c && used + 8 < size; c++) {
                if (*c == '"' || *c == '\\') {
                        out[used++] = '\\';
                        out[used++] = *c;
                } else if (*c < ' ' || *c > '~') {
                        used += (size_t)snprintf(out + used, size - used, "\\u%04x",
                                                 (unsigned)(unsigned char)*c);
                } else {
                        out[used++] = *c;
                }
        }
        out[used++] = '"';
        out[used] = '\0';
}

static void print_time(uint64_t time_ms, char *out, size_t size)
{
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm tm;
        char text[32];

        gmtime_r(&seconds, &tm);
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(out, size, "%s.%03uZ", text, (unsigned)(time_ms % 1000));
}

size_t journal_print(const struct journal_entry *entry, uint64_t time_ms, char *out)
{
        char when[48];
        char host[640];
        char reason[640];
        char address[ADDRESS_TEXT + 2] = "null";
        char text[ADDRESS_TEXT];
        char counts[128] = "";

        print_time(time_ms, when, sizeof(when));
        quote(entry->host, host, sizeof(host));
        quote(entry->reason, reason, sizeof(reason));
        if (entry->address && entry->address->family != 0)
                quote(address_print(entry->address, text), address, sizeof(address));
        if (entry->is_connection)
                snprintf(counts, sizeof(counts), ",\"in\":%llu,\"out\":%llu,\"ms\":%llu",
                         (unsigned long long)entry->bytes_in, (unsigned long long)entry->bytes_out,
                         (unsigned long long)entry->ms);
        return (size_t)snprintf(out, 2048,
                                "{\"time\":\"%s\",\"name\":%s,\"port\":%u,\"address\":%s,"
                                "\"verdict\":\"%s\",\"reason\":%s%s}\n",
                                when, host, (unsigned)entry->port, address,
                                verdicts[entry->verdict], reason, counts);
}

void journal_log(struct journal *j, const struct journal_entry *entry)
{
        struct timespec now;
        char line[2048];

        if (j->log < 0)
                return;
        clock_gettime(CLOCK_REALTIME, &now);
        size_t len = journal_print(
                entry, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000, line);
        if (j->written + len > JOURNAL_MAX_BYTES) {
                log_notice("the log of the network has %u MiB, and gets no more lines",
                           JOURNAL_MAX_BYTES >> 20);
                j->log = -1;
                return;
        }
        ssize_t n = write(j->log, line, len);
        if (n != (ssize_t)len) {
                log_notice("cannot write the log of the network: %s; it gets no more lines",
                           n < 0 ? err_name(errno) : "no room");
                j->log = -1;
                return;
        }
        j->written += len;
}

void journal_tell(struct journal *j, const struct journal_entry *entry)
{
        char text[1024];

        if (j->control < 0 || entry->verdict == JOURNAL_FAILED)
                return;
        int len = snprintf(text, sizeof(text), "host %s %u %s %s", entry->host,
                           (unsigned)entry->port, verdicts[entry->verdict], entry->reason);
        if (len > 0)
                (void)!send(j->control, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
        for (const char *c = text; *c; c++)
                hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
        return hash;
}

/* Two that fall on one place push each other out, and are said more often. */
bool journal_is_repeated(struct journal *j, const struct journal_entry *entry, uint64_t now)
{
        uint64_t key = hash_text(0xcbf29ce484222325u + entry->port, entry->host);

        key = hash_text(key ^ (uint64_t)entry->verdict, entry->reason);
        struct journal_recent *at = &j->recent[key % JOURNAL_RECENT];
        if (at->key == key && now < at->until)
                return true;
        at->key = key;
        at->until = now + REPEAT_NS;
        return false;
}

void journal_tell_made(struct journal *j, const char *name, uint32_t address, uint64_t now)
{
        const struct journal_entry entry = { .host = name, .reason = "made-up address" };
        char text[1024];

        if (j->control < 0 || journal_is_repeated(j, &entry, now))
                return;
        int len = snprintf(text, sizeof(text), "name %u.%u.%u.%u %s", address >> 24,
                           address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff, name);
        if (len > 0)
                (void)!send(j->control, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

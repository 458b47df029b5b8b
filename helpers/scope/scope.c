#include "scope.h"

#include "io.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#define SERVICE   "org.freedesktop.systemd1"
#define OBJECT    "/org/freedesktop/systemd1"
#define INTERFACE "org.freedesktop.systemd1.Manager"

/* For each answer; systemd takes milliseconds. */
#define PATIENCE_US 5000000u

/* What is waited for: the end of the job that starts the unit. */
struct job {
        const char *unit;
        char result[32]; /* "": it has not ended */
};

static void done_bus(sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}

static void done_message(sd_bus_message **m)
{
        sd_bus_message_unref(*m);
}

static void done_error(sd_bus_error *error)
{
        sd_bus_error_free(error);
}

#define autobus     __attribute__((cleanup(done_bus))) sd_bus
#define automessage __attribute__((cleanup(done_message))) sd_bus_message
#define autoerror   __attribute__((cleanup(done_error))) sd_bus_error

static int open_bus(sd_bus **ret, struct err *e)
{
        const char *address = getenv("DBUS_SESSION_BUS_ADDRESS");
        int r = sd_bus_open_user(ret);

        if (r >= 0) {
                sd_bus_set_method_call_timeout(*ret, PATIENCE_US);
                return 0;
        }
        err_set(e, -r, "cannot reach the message bus at '%.200s': %s", address ? address : "",
                err_name(-r));
        return err_hint(e, "it is that of a login with dbus-user-session installed");
}

/* `what` went wrong: what the other side says, else the error of the call. */
static int fail(const sd_bus_error *error, int r, const char *what, struct err *e)
{
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER)) {
                err_set(e, ESRCH, "no systemd of yours is on the message bus");
                return err_hint(e, "it is that of a login; systemctl --user status tells of it");
        }
        return err_set(e, r < 0 ? -r : EIO, "%s: %.200s", what,
                       error->message ? error->message : err_name(-r));
}

/* As of JobRemoved: id, job, unit, result. */
static int on_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
        struct job *job = arg;
        const char *unit;
        const char *result;

        (void)error;
        if (sd_bus_message_read(m, "uoss", NULL, NULL, &unit, &result) >= 0 &&
            str_eq(unit, job->unit))
                snprintf(job->result, sizeof(job->result), "%s", result);
        return 0;
}

static int add_properties(sd_bus_message *m, uint32_t pid, const char *slice)
{
        int r = sd_bus_message_append(m, "(sv)", "Description", "s", "A sandbox of kelp");

        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, pid);
        if (r >= 0 && slice)
                r = sd_bus_message_append(m, "(sv)", "Slice", "s", slice);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "Delegate", "b", 1);
        /* one that has failed is to leave nothing, either */
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed");
        return r;
}

static int fill_request(sd_bus_message *m, uint32_t pid, const char *unit, const char *slice)
{
        int r = sd_bus_message_append(m, "ss", unit, "fail");

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = add_properties(m, pid, slice);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        /* no other units come with it */
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r;
}

static int ask(sd_bus *bus, uint32_t pid, const char *unit, const char *slice, struct err *e)
{
        autoerror error = SD_BUS_ERROR_NULL;
        automessage *request = NULL;
        automessage *reply = NULL;
        int r = sd_bus_message_new_method_call(bus, &request, SERVICE, OBJECT, INTERFACE,
                                               "StartTransientUnit");

        if (r >= 0)
                r = fill_request(request, pid, unit, slice);
        if (r >= 0)
                r = sd_bus_call(bus, request, PATIENCE_US, &error, &reply);
        return r < 0 ? fail(&error, r, "your systemd gives no scope", e) : 0;
}

static int await(sd_bus *bus, const struct job *job, struct err *e)
{
        uint64_t end = io_now() / 1000 + PATIENCE_US;

        while (!job->result[0]) {
                uint64_t now = io_now() / 1000;
                int r = sd_bus_process(bus, NULL);

                if (r == 0 && now >= end)
                        return err_set(e, ETIMEDOUT, "your systemd does not start the scope");
                if (r == 0)
                        r = sd_bus_wait(bus, end - now);
                if (r < 0 && r != -EINTR)
                        return err_set(e, -r, "the message bus has gone: %s", err_name(-r));
        }
        if (!str_eq(job->result, "done"))
                return err_set(e, EIO,
                               "your systemd could not start the scope: its job ended as '%s'",
                               job->result);
        return 0;
}

static int read_path(sd_bus *bus, const char *unit, char **ret, struct err *e)
{
        autoerror error = SD_BUS_ERROR_NULL;
        autofree char *object = NULL;
        int r = sd_bus_path_encode(OBJECT "/unit", unit, &object);

        if (r >= 0)
                r = sd_bus_get_property_string(bus, SERVICE, object,
                                               "org.freedesktop.systemd1.Scope", "ControlGroup",
                                               &error, ret);
        return r < 0 ? fail(&error, r, "your systemd does not tell the cgroup of the scope", e) : 0;
}

int scope_start(uint32_t pid, const char *unit, const char *slice, char **ret_path, struct err *e)
{
        struct job job = { .unit = unit };
        autobus *bus = NULL;

        if (open_bus(&bus, e) < 0)
                return -e->code;
        /* first: the job may end before we are told which one it is */
        int r = sd_bus_match_signal(bus, NULL, SERVICE, OBJECT, INTERFACE, "JobRemoved", on_removed,
                                    &job);
        if (r < 0)
                return err_set(e, -r, "cannot listen to your systemd: %s", err_name(-r));
        if (ask(bus, pid, unit, slice, e) < 0 || await(bus, &job, e) < 0)
                return -e->code;
        return read_path(bus, unit, ret_path, e);
}

int scope_attach(uint32_t pid, const char *unit, const char *below, struct err *e)
{
        autoerror error = SD_BUS_ERROR_NULL;
        autobus *bus = NULL;

        if (open_bus(&bus, e) < 0)
                return -e->code;
        int r = sd_bus_call_method(bus, SERVICE, OBJECT, INTERFACE, "AttachProcessesToUnit", &error,
                                   NULL, "ssau", unit, below, 1, pid);
        return r < 0 ? fail(&error, r, "your systemd does not move a process to the scope", e) : 0;
}

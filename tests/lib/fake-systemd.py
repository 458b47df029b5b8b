#!/usr/bin/env python3
"""A systemd of the user's, on the session bus, as far as kelp-scope speaks with one.

    fake-systemd.py HOW CGROUP LOG

Says that each scope has the cgroup CGROUP, and makes none.  HOW it answers: well; by `failed` of the
job; `refuse`; `silent`, never telling the end of the job; `broken`, with a cgroup that is no text.
What it is asked for is written to LOG, a line of JSON each.  Prints a line when it can be asked.
"""

import json
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.systemd1"
OBJECT = "/org/freedesktop/systemd1"

how, cgroup, log = sys.argv[1:]


def encode(name):
    return "".join(c if c.isalnum() and (i or not c.isdigit()) else f"_{ord(c):02x}" for i, c in enumerate(name))


class Unit(dbus.service.Object):
    @dbus.service.method(dbus.PROPERTIES_IFACE, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        if (interface, name) != (NAME + ".Scope", "ControlGroup"):
            raise dbus.DBusException(f"no such property: {interface} {name}")
        return dbus.UInt32(7) if how == "broken" else dbus.String(cgroup)


class Manager(dbus.service.Object):
    @dbus.service.method(NAME + ".Manager", in_signature="ssa(sv)a(sa(sv))", out_signature="o")
    def StartTransientUnit(self, name, mode, properties, others):
        with open(log, "a", encoding="utf-8") as file:
            print(json.dumps({"name": name, "mode": mode, "properties": dict(properties), "others": others}),
                  file=file)
        if how == "refuse":
            raise dbus.DBusException("there is no room", name=NAME + ".NoRoom")
        Unit(self.connection, OBJECT + "/unit/" + encode(name))
        # somebody else's comes first
        GLib.idle_add(self.JobRemoved, 6, OBJECT + "/job/6", "other.scope", "failed")
        if how != "silent":
            GLib.idle_add(self.JobRemoved, 7, OBJECT + "/job/7", name, "failed" if how == "failed" else "done")
        return OBJECT + "/job/7"

    @dbus.service.signal(NAME + ".Manager", signature="uoss")
    def JobRemoved(self, number, job, unit, result):
        pass


DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
owned = dbus.service.BusName(NAME, bus)
manager = Manager(bus, OBJECT)
print("ready", flush=True)
GLib.MainLoop().run()

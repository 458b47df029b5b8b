#include "run.h"

#include "fd.h"

void run_close_entry(struct run_entry *entry)
{
        for (int i = 0; i < RUN_NS_COUNT; i++)
                fd_close(&entry->namespaces[i]);
        fd_close(&entry->rules);
}

void run_done(struct run *r)
{
        proc_kill_child(&r->stage);
        proc_kill_child(&r->init);
        cgroup_remove(&r->cgroup);
        fd_close(&r->slirp_exit);
        proc_kill_child(&r->slirp);
        fd_close(&r->proxy_control);
        proc_kill_child(&r->proxy);
        fd_close(&r->publisher_control);
        proc_kill_child(&r->publisher);
        fd_close(&r->sock);
        fd_close(&r->pty_master);
        fd_close(&r->proc);
        fd_close(&r->memory_fs);
        fd_close(&r->netns);
        fd_close(&r->userns);
        fd_close(&r->api_dir);
        run_close_entry(&r->entry);
}

#include "net.h"

#include "fd.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/*
 * One ioctl instead of a netlink message and its answer: this stands in every launch.  The kernel
 * adds 127.0.0.1/8 and ::1/128 by itself when loopback comes up.  Source: netdevice(7).
 */
int net_set_loopback_up(struct err *e)
{
        struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
        autofd sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        if (sock < 0)
                return err_sys(e, "cannot make a socket to set up 'lo'");
        if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
                return err_sys(e, "cannot set 'lo' up");
        return 0;
}

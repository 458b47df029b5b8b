/* get HOST PORT PATH: a page by HTTP, as a statically linked program asks for it. */

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int dial(const char *host, const char *port)
{
        const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
        struct addrinfo *list;
        int r = getaddrinfo(host, port, &hints, &list);

        if (r != 0) {
                fprintf(stderr, "%s: %s\n", host, gai_strerror(r));
                return -1;
        }
        for (struct addrinfo *at = list; at; at = at->ai_next) {
                int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

                if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0)
                        return fd;
                perror(host);
        }
        return -1;
}

int main(int argc, char **argv)
{
        char data[4096];
        ssize_t n;

        if (argc != 4)
                return 2;
        int fd = dial(argv[1], argv[2]);
        if (fd < 0)
                return 1;
        dprintf(fd, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n", argv[3], argv[1]);
        while ((n = read(fd, data, sizeof(data))) > 0)
                fwrite(data, 1, (size_t)n, stdout);
        return n < 0;
}

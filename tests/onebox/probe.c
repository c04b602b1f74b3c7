/* What an attacker does, small enough for a guest that has a shell and a C library only.
 *   probe connect MILLISECONDS NAME ADDRESS/PORT...
 *       sends NAME there by UDP and prints those that accept a TCP connection; ADDRESS may be fe80::1%eth0
 *   probe frames DEVICE MILLISECONDS HEX...      sends Ethernet frames, then prints what the device receives, as hex
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int start(char *target, char *name)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found;
    char *port = strrchr(target, '/');
    *port = 0;
    int unknown = getaddrinfo(target, port + 1, &hints, &found);
    *port = '/';
    if (unknown)
        return -1;
    int fd = socket(found->ai_family, SOCK_DGRAM, 0);
    sendto(fd, name, strlen(name), MSG_DONTWAIT, found->ai_addr, found->ai_addrlen);
    close(fd);
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) && errno != EINPROGRESS) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static int try_connect(int count, char **targets, char *name, long limit)
{
    struct pollfd wait[count];
    for (int i = 0; i < count; i++)
        wait[i] = (struct pollfd){.fd = start(targets[i], name), .events = POLLOUT};
    for (long end = now() + limit; now() < end;) {
        poll(wait, count, end - now() > 0 ? end - now() : 0);
        for (int i = 0; i < count; i++) {
            int error = 0;
            socklen_t size = sizeof error;
            if (wait[i].fd < 0 || !wait[i].revents)
                continue;
            getsockopt(wait[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
            if (!error)
                puts(targets[i]);
            close(wait[i].fd);
            wait[i].fd = -1;
        }
    }
    return 0;
}

static int frames(char *device, long limit, int count, char **hex)
{
    unsigned char frame[2000];
    struct sockaddr_ll where = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(device)};
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (fd < 0 || bind(fd, (struct sockaddr *)&where, sizeof where))
        return perror(device), 1;
    for (int i = 0; i < count; i++) {
        int length = strlen(hex[i]) / 2;
        for (int at = 0; at < length; at++)
            sscanf(hex[i] + 2 * at, "%2hhx", frame + at);
        if (send(fd, frame, length, 0) != length)
            return perror("send"), 1;
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    for (long end = now() + limit; now() < end;) {
        struct sockaddr_ll from;
        socklen_t size = sizeof from;
        if (poll(&wait, 1, end - now() > 0 ? end - now() : 0) < 1)
            continue;
        int length = recvfrom(fd, frame, sizeof frame, 0, (struct sockaddr *)&from, &size);
        if (length < 1 || from.sll_pkttype == PACKET_OUTGOING)
            continue;
        for (int at = 0; at < length; at++)
            printf("%02x", frame[at]);
        putchar('\n');
    }
    return 0;
}

int main(int count, char **words)
{
    if (count > 3 && !strcmp(words[1], "connect"))
        return try_connect(count - 4, words + 4, words[3], atol(words[2]));
    if (count > 3 && !strcmp(words[1], "frames"))
        return frames(words[2], atol(words[3]), count - 4, words + 4);
    return 2;
}

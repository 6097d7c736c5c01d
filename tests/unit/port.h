/* A TCP port of this machine for a test. */
#ifndef GN8V_TESTS_PORT_H
#define GN8V_TESTS_PORT_H

#include <arpa/inet.h>
#include <check.h>
#include <sys/socket.h>

/* A socket bound to a port that is nobody else's while it is open, and that nobody listens on yet. Caller closes. */
static inline int port_take(unsigned int *number)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t at_n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, at_n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &at_n), 0);
	*number = ntohs(at.sin_port);
	return fd;
}

#endif

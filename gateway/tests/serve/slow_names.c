/* A resolver for the gateway under test: names that end in .slow.invalid take 15 s and do not resolve, as behind a name server that is gone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

typedef int (*resolver)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    if (node != NULL && strstr(node, ".slow.invalid") != NULL) {
        sleep(15);
        return EAI_AGAIN;
    }
    return ((resolver)dlsym(RTLD_NEXT, "getaddrinfo"))(node, service, hints, found);
}

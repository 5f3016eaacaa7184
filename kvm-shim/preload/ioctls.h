/* ioctl on files of the service. */
#ifndef QUIRE_IOCTLS_H
#define QUIRE_IOCTLS_H

#include <stdint.h>

#include "table.h"

/* ioctl(2): the result, or -1 with errno. */
int ioctls_call(struct file *file, uint32_t request, uint64_t argument);

/* KVM_RUN of a vCPU: waits as ioctl does, and returns EINTR when a signal comes. */
int ioctls_run(struct file *vcpu);

#endif

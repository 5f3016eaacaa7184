/* System calls on files of the service. Each behaves as the kernel's: a result, or -1 with errno. */
#ifndef QUIRE_FILES_H
#define QUIRE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "call.h"
#include "table.h"

struct stat;

/* call_begin for an op on a file; EIO for one that does not reach the service from this process. */
bool files_begin(struct call *call, struct file *file, enum op op, uint64_t request, uint64_t argument,
                 uint64_t third);

/* Whether a path is the service's: /dev/kvm, or a parameter of the kvm modules. */
bool files_is_ours(const char *path);

int files_open(const char *path, int flags);
void *files_mmap(struct file *file, void *address, size_t bytes, int protection, int flags, off_t offset);
ssize_t files_read(struct file *file, uint64_t address, size_t bytes);
ssize_t files_pread(struct file *file, uint64_t address, size_t bytes, off_t position);
ssize_t files_write(struct file *file, const void *data, size_t bytes);
ssize_t files_pwrite(struct file *file, const void *data, size_t bytes, off_t position);
off_t files_seek(struct file *file, off_t offset, int whence);
int files_fallocate(struct file *file, int mode, off_t offset, off_t bytes);
int files_truncate(struct file *file);
int files_stat(struct file *file, struct stat *status);

/* What stat says of the path /dev/kvm. */
void files_stat_device(struct stat *status);

#endif

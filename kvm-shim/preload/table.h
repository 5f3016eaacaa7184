/* The program's descriptor numbers that stand for files of the service. A number is a real, empty placeholder file of
   this process, so nothing else can get it; dup, fork and exec do with it what they do. Any thread. */
#ifndef QUIRE_TABLE_H
#define QUIRE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

enum file_kind { FILE_SYSTEM, FILE_VM, FILE_VCPU, FILE_DEVICE, FILE_STATS, FILE_GUEST_MEMFD };

/* An open file of the service. */
struct file {
  enum file_kind kind;
  int32_t handle;      /* its number at the service */
  unsigned generation; /* of the process that opened it: see process_generation */
  int32_t vm;          /* handle of the VM a vCPU or device belongs to; of a VM, its own */
  unsigned holders;    /* numbers, and calls under way */
  int memory;          /* hidden descriptor of a guest_memfd's memory once the program mapped it, or -1 */
  bool masked;         /* KVM_SET_SIGNAL_MASK gave run_mask */
  uint64_t run_mask;
};

/* The file behind a number, held until table_release; null where the number is none of ours. */
struct file *table_hold(int number);

/* Gives back a hold; the last one closes the file at the service, unless it is mapped still. */
void table_release(struct file *file);

/* Closes a file that nobody holds at the service, and frees it. */
void table_end(struct file *file);

/* Makes a file with a placeholder number, flags as memfd_create's. The number, or -1 with errno and the handle closed. */
int table_install(enum file_kind kind, int32_t handle, int32_t vm, unsigned flags);

/* Number `copy` is now the same file as `file` (or, with null, none of ours). */
void table_assign(int copy, struct file *file);

/* Moves a descriptor of the library's own out of the program's way, and protects it from close. Takes over `fd`. */
int table_hide(int fd);

/* Closes a hidden descriptor. */
void table_close_hidden(int fd);

/* Whether a number is one of the library's own descriptors. */
bool table_is_hidden(int number);

/* Whether the calling process is the one the numbers belong to, and not a vfork's child. */
bool table_is_owner(void);

/* Whether a number may be ours at all; cheap. */
bool table_knows(int number);

void table_before_fork(void);
void table_after_fork_in_parent(void);

/* Closes what was hidden: the parent's sockets are not the child's. */
void table_after_fork_in_child(void);

#endif

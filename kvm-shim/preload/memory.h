/* Guest memory: ranges of this process's address space that the service maps too. Private memory becomes a memfd mapped
   at the same address when a slot first names it; file mappings that are shared already pass their file. Any thread; no
   thread may store into the range while its slot is set for the first time. */
#ifndef QUIRE_MEMORY_H
#define QUIRE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Has the service map what this process has in the range, before a slot names it. Holes stay holes. False with errno. */
bool memory_share(uint64_t start, uint64_t bytes);

/* A slot of a VM now names the range; none if bytes is 0. */
void memory_set_slot(int32_t vm, uint32_t slot, uint64_t start, uint64_t bytes);

/* A VM is closed. */
void memory_forget_vm(int32_t vm);

/* The program mapped, unmapped or protected something in the range: what slots use of it is shared anew. */
void memory_changed(uint64_t start, uint64_t bytes);

/* The program threw contents of a range away, or has its kernel watch the range anew: MADV_DONTNEED (which of private
   memory throws the contents away, also of what was private before it was shared), MADV_REMOVE, UFFDIO_WRITEPROTECT. */
void memory_discard(uint64_t start, uint64_t bytes, bool contents);

/* The program punched a hole into a file by way of a descriptor. */
void memory_punched(int fd, uint64_t offset, uint64_t bytes);

/* Whether the range may be near anything that the service maps or a slot names; cheap. */
bool memory_concerns(uint64_t start, uint64_t bytes);

void memory_before_fork(void);
void memory_after_fork_in_parent(void);
void memory_after_fork_in_child(void);

#endif

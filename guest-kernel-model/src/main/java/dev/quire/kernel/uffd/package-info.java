/**
 * Userfaultfd: the descriptor with its messages, queues and ioctls (Linux v6.18 fs/userfaultfd.c).
 * What its ioctls do to memory is {@link dev.quire.kernel.mm.UffdMemory}'s.
 */
package dev.quire.kernel.uffd;

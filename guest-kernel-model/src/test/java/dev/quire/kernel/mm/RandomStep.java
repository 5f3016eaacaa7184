package dev.quire.kernel.mm;

/**
 * One step of a random program; what its numbers mean is up to {@link RandomProgram}, which brings
 * them into range, so that every list of steps is a program and a shrunk one too.
 *
 * @param process which of the living ones
 * @param page of the window
 * @param length in pages
 * @param argument what else the step needs
 */
record RandomStep(Action action, int process, int page, int length, int argument) {
  enum Action {
    MAP_PRIVATE(10),
    MAP_SHARED(2),
    MAP_FILE_PRIVATE(3),
    MAP_FILE_SHARED(3),
    UNMAP(6),
    WRITE(14),
    READ(8),
    WRITE_RANGE(8),
    READ_RANGE(4),
    FORK(6),
    EXIT(4),
    PROTECT(5),
    MOVE(5),
    DONTNEED(6),
    FREE(4),
    POPULATE_READ(2),
    POPULATE_WRITE(3),
    HUGEPAGE(1),
    NOHUGEPAGE(1),
    COLLAPSE(2),
    FILE_WRITE(3),
    FILE_TRUNCATE(2),
    FILE_PUNCH(2),
    FILE_SYNC(2),
    FILE_DROP(2),
    LOCK(2),
    UNLOCK(2),
    DRAIN(2),
    MIGRATE(4),
    UFFD_REGISTER(0),
    UFFD_UNREGISTER(0),
    UFFD_PROTECT(0),
    UFFD_ZEROPAGE(0),
    UFFD_CONTINUE(0),
    UFFD_COPY(0),
    UFFD_MOVE(0),
    UFFD_CLOSE(0);

    /** How often, relative to the others; 0 for those of programs with userfaultfd. */
    final int weight;

    Action(int weight) {
      this.weight = weight;
    }
  }
}

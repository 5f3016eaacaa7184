package dev.quire.lab.replay;

import java.util.Locale;

/** madvise advice by the names of scripts (Linux v6.18 include/uapi/asm-generic/mman-common.h). */
enum Advice {
  NORMAL(0),
  RANDOM(1),
  SEQUENTIAL(2),
  WILLNEED(3),
  DONTNEED(4),
  FREE(8),
  REMOVE(9),
  DONTFORK(10),
  DOFORK(11),
  MERGEABLE(12),
  UNMERGEABLE(13),
  HUGEPAGE(14),
  NOHUGEPAGE(15),
  DONTDUMP(16),
  DODUMP(17),
  WIPEONFORK(18),
  KEEPONFORK(19),
  COLD(20),
  PAGEOUT(21),
  POPULATE_READ(22),
  POPULATE_WRITE(23),
  DONTNEED_LOCKED(24),
  COLLAPSE(25),
  GUARD_INSTALL(102),
  GUARD_REMOVE(103);

  private final int number;

  Advice(int number) {
    this.number = number;
  }

  /** As the system call takes it. */
  int number() {
    return number;
  }

  static Advice named(String name) {
    for (Advice advice : values()) {
      if (advice.name().toLowerCase(Locale.ROOT).equals(name)) {
        return advice;
      }
    }
    return null;
  }
}

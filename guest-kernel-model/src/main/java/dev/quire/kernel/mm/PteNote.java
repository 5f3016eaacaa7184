package dev.quire.kernel.mm;

import dev.quire.mmu.KernelPteFormat;

/**
 * What entries say that map nothing: the types of notes this kernel writes (Linux's swap types) and
 * the bits of a marker (v6.18 include/linux/swapops.h).
 */
final class PteNote {
  /** A page being migrated or split: its value is the frame. */
  static final int MIGRATION_READ = 1;

  static final int MIGRATION_READ_EXCLUSIVE = 2;
  static final int MIGRATION_WRITE = 3;
  static final int MARKER = 4;

  static final long MARKER_UFFD_WP = 1;
  static final long MARKER_POISONED = 1 << 1;
  static final long MARKER_GUARD = 1 << 2;

  private PteNote() {}

  static boolean isMarker(KernelPteFormat format, long entry) {
    return format.isNote(entry) && format.noteType(entry) == MARKER;
  }

  static boolean isGuard(KernelPteFormat format, long entry) {
    return isMarker(format, entry) && (format.noteValue(entry) & MARKER_GUARD) != 0;
  }

  static boolean isPoisoned(KernelPteFormat format, long entry) {
    return isMarker(format, entry) && (format.noteValue(entry) & MARKER_POISONED) != 0;
  }

  /** Whether a page that is not mapped yet is write-protected by userfaultfd. */
  static boolean isUffdMarker(KernelPteFormat format, long entry) {
    return isMarker(format, entry) && (format.noteValue(entry) & MARKER_UFFD_WP) != 0;
  }

  static boolean isMigration(KernelPteFormat format, long entry) {
    return format.isNote(entry) && format.noteType(entry) <= MIGRATION_WRITE;
  }

  static long uffdWriteProtected(KernelPteFormat format) {
    return format.note(MARKER, MARKER_UFFD_WP);
  }

  static long poisoned(KernelPteFormat format) {
    return format.note(MARKER, MARKER_POISONED);
  }

  static long guard(KernelPteFormat format) {
    return format.note(MARKER, MARKER_GUARD);
  }
}

package dev.quire.lab.replay;

import dev.quire.kernel.mm.FileKind;
import java.util.Locale;

/** The kinds of file that scripts open. */
enum FileType {
  MEMFD(FileKind.MEMFD),
  TMPFS(FileKind.TMPFS),
  EXT4(FileKind.EXT4),
  /** guest_memfd with the flags MMAP and INIT_SHARED. */
  GMEM(FileKind.GUEST_MEMFD),
  /** A memfd of huge pages of 2 MiB. */
  HUGETLB(FileKind.HUGETLB);

  /** S_IFREG. */
  private static final int REGULAR = 0100000;

  private static final int ALL_MAY = 0777;
  private static final int OWNER_MAY = 0600;

  private final FileKind kind;

  FileType(FileKind kind) {
    this.kind = kind;
  }

  FileKind kind() {
    return kind;
  }

  /** st_nlink: only a guest_memfd has a name of its own. */
  int links() {
    return this == GMEM ? 1 : 0;
  }

  /** st_mode of a new file. */
  int mode() {
    return REGULAR | (this == MEMFD || this == HUGETLB ? ALL_MAY : OWNER_MAY);
  }

  /** What its link in /proc/self/fd says. */
  String link() {
    return this == GMEM ? "anon_inode:[kvm-gmem]" : "/memfd:f (deleted)";
  }

  static FileType named(String name) {
    for (FileType type : values()) {
      if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
        return type;
      }
    }
    return null;
  }
}

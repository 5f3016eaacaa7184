package dev.quire.lab.replay;

import java.util.Locale;

/** The kinds of file that scripts open. */
enum FileType {
  MEMFD,
  TMPFS,
  EXT4,
  /** guest_memfd with the flags MMAP and INIT_SHARED. */
  GMEM;

  static FileType named(String name) {
    for (FileType type : values()) {
      if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
        return type;
      }
    }
    return null;
  }
}

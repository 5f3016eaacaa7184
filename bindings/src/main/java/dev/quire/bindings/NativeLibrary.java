package dev.quire.bindings;

import java.lang.foreign.SymbolLookup;
import java.nio.file.Path;

/**
 * A native library that was found, opened and asked for its version.
 *
 * @param name what people call it: {@code unicorn} or {@code capstone}
 * @param path the file it was opened from, or only its soname when the system's loader chose
 * @param version its version in the form {@code major << 24 | minor << 16 | patch << 8}; Capstone
 *     does not tell its patch
 * @param symbols its symbols, valid until the process ends
 */
public record NativeLibrary(String name, Path path, int version, SymbolLookup symbols) {
  /** The version as people write it. */
  public String versionText() {
    String release = (version >>> 24) + "." + ((version >>> 16) & 0xff);
    return name.equals("capstone") ? release : release + "." + ((version >>> 8) & 0xff);
  }

  @Override
  public String toString() {
    return name + " " + versionText() + " (" + path + ")";
  }
}

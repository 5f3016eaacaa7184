package dev.quire.emulator.restore;

import java.nio.file.Path;

/** A file of a working set that cannot be used; the message is one line. */
public final class BadWorkingSetException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadWorkingSetException(Path file, String what) {
    super(file + ": " + what + "; remove it and run again to record it anew");
  }
}

package dev.quire.emulator.snapshot;

import java.nio.file.Path;

/** A snapshot that cannot be used; the message is one line: what, where, how to mend it. */
public final class BadSnapshotException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadSnapshotException(Path where, String what) {
    super(where + ": " + what);
  }

  public BadSnapshotException(Path where, String what, Throwable cause) {
    super(where + ": " + what, cause);
  }
}

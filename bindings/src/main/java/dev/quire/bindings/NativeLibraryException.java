package dev.quire.bindings;

/**
 * A native library is missing, too old, or not the one its name says. The message is one line that
 * tells what was searched and how to mend it; the launcher prints it and ends with exit code 3.
 */
public final class NativeLibraryException extends RuntimeException {
  public NativeLibraryException(String message) {
    super(message);
  }

  public NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}

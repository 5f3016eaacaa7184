package dev.quire.bindings;

/** A Unicorn call was refused. The run itself does not throw this: its code is a value. */
public final class UcException extends RuntimeException {
  private final int code;

  UcException(String call, int code) {
    super(call + " failed: " + UcError.name(code) + " (" + code + ")");
    this.code = code;
  }

  /** The {@code uc_err} value. */
  public int code() {
    return code;
  }
}

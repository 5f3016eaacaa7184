package dev.quire.bindings;

/** The {@code uc_err} codes that Unicorn returns (unicorn.h). */
public final class UcError {
  public static final int OK = 0;
  public static final int NOMEM = 1;
  public static final int ARCH = 2;
  public static final int HANDLE = 3;
  public static final int MODE = 4;
  public static final int READ_UNMAPPED = 6;
  public static final int WRITE_UNMAPPED = 7;
  public static final int FETCH_UNMAPPED = 8;
  public static final int INSN_INVALID = 10;
  public static final int MAP = 11;
  public static final int WRITE_PROT = 12;
  public static final int READ_PROT = 13;
  public static final int FETCH_PROT = 14;
  public static final int ARG = 15;
  public static final int RESOURCE = 20;

  /** An exception nobody handled, or a refused fill. */
  public static final int EXCEPTION = 21;

  private static final String[] NAMES = {
    "OK",
    "NOMEM",
    "ARCH",
    "HANDLE",
    "MODE",
    "VERSION",
    "READ_UNMAPPED",
    "WRITE_UNMAPPED",
    "FETCH_UNMAPPED",
    "HOOK",
    "INSN_INVALID",
    "MAP",
    "WRITE_PROT",
    "READ_PROT",
    "FETCH_PROT",
    "ARG",
    "READ_UNALIGNED",
    "WRITE_UNALIGNED",
    "FETCH_UNALIGNED",
    "HOOK_EXIST",
    "RESOURCE",
    "EXCEPTION",
    "OVERFLOW"
  };

  private UcError() {}

  /** The name of a code, for messages. */
  public static String name(int code) {
    return code >= 0 && code < NAMES.length ? NAMES[code] : "unknown error";
  }
}

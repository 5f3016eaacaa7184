package dev.quire.lab.replay;

/** The bytes of a session's machine, in frames of 4 KiB. One thread. */
interface SessionBytes {
  /** Whose addresses system calls mean from now on. */
  void setUser(SessionProcess process);

  int load(long pfn, int offset);

  void store(long pfn, int offset, int value);

  /** Stores {@code length} bytes of a page, which nobody changes any more. */
  void store(long pfn, int offset, byte[] page, int from, int length);

  /** Has a frame hold bytes, which nobody changes any more, and zeros behind them. */
  void set(long pfn, byte[] page);
}

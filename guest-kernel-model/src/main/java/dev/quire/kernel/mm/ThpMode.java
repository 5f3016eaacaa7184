package dev.quire.kernel.mm;

/** hugepages-SIZEkB/enabled; the top-level file takes all but INHERIT. */
public enum ThpMode {
  ALWAYS,
  INHERIT,
  MADVISE,
  NEVER
}

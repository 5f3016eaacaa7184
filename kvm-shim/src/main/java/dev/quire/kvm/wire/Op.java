package dev.quire.kvm.wire;

/** Operations of a request, in the order of their numbers (docs/WIRE.md). */
public enum Op {
  HELLO,
  OPEN,
  IOCTL,
  MMAP,
  MUNMAP,
  CLOSE,
  DUP,
  READ,
  WRITE,
  PREAD,
  PWRITE,
  FALLOCATE,
  FSTAT,
  POLL,
  KICK,
  SHARE,
  UNSHARE,
  LEND,
  DISCARD,
  WATCH,
  RESUME,
  LOAD,
  STORE,
  DIRTY,
  SEEK;

  private static final Op[] ALL = values();

  /** The operation of a number, or null. */
  public static Op of(int number) {
    return number >= 0 && number < ALL.length ? ALL[number] : null;
  }
}

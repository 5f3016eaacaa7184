package dev.quire.mmu;

/** Rights as bit flags; the values equal Unicorn's and mmap's order R, W, X. */
public final class Protection {
  public static final int READ = 1;
  public static final int WRITE = 2;
  public static final int EXEC = 4;
  public static final int ALL = READ | WRITE | EXEC;

  private static final int[] NEEDED = {READ, WRITE, EXEC, 0};

  private Protection() {}

  /** The right that an access type needs. */
  public static int neededBy(int access) {
    return NEEDED[Access.type(access)];
  }
}

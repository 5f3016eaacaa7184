package dev.quire.kernel.mm;

/** default_llseek, for which all of a file is data. Source: Linux v6.18 fs/read_write.c. */
public final class DefaultLlseek {
  public static final int SEEK_SET = 0;
  public static final int SEEK_CUR = 1;
  public static final int SEEK_END = 2;
  public static final int SEEK_DATA = 3;
  public static final int SEEK_HOLE = 4;

  private DefaultLlseek() {}

  /**
   * Where a descriptor goes; all in bytes.
   *
   * @param size of the file
   * @param position where the descriptor is
   * @return the new position, or -errno
   */
  public static long target(long size, long position, long offset, int whence) {
    if ((whence == SEEK_DATA || whence == SEEK_HOLE) && offset >= size) {
      return -Errno.ENXIO;
    }
    long target =
        switch (whence) {
          case SEEK_SET, SEEK_DATA -> offset;
          case SEEK_CUR -> position + offset;
          case SEEK_END -> size + offset;
          case SEEK_HOLE -> size;
          default -> -1;
        };
    return target < 0 ? -Errno.EINVAL : target;
  }
}
